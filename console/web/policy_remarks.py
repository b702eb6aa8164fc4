"""What the checker of policies says, in the reader's language.

The checker (access.language) knows the standard library only and speaks English. Here its sentences stand with `%s`
for what varies: names in quotes, places in the document, lists. One that is not known is shown as it is.
"""

from __future__ import annotations

import re

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as known

# What varies in a sentence: "…", Statement[0].Action[1], what follows "known: ", a number of statements, a bare word
# before a few of the sentences.
_VARYING = re.compile(
    r'(?<=^add ).+|(?<=^known: ).+|"[^"]*"|\bStatement(?:\[\d+\]\S*)?$|(?<=more than )\d+'
    r"|^\w+(?= is not a kind of principal)|(?<=plain character with )\S+"
)

_SENTENCES = {
    # The document and its statements.
    known("must be a JSON object with Version and %s"),
    known("is nested too deeply"),
    known("%s stands twice in one object"),
    known("join the two"),
    known("is not a version of the policy language"),
    known("must be %s"),
    known("must be a string"),
    known("must be a statement or a list with at least one statement"),
    known("has more than %s statements"),
    known("split the policy"),
    known("%s is used twice"),
    known("a Sid is unique in its document"),
    known("must be an object"),
    known("must be made of letters and digits"),
    known("leave out spaces and signs"),
    known("is not an effect"),
    known("must be %s or %s"),
    known("%s is not an action"),
    known("write %s or %s"),
    known("is not an element of a policy"),
    known("known: %s"),
    known("leave it out"),
    known("not both"),
    known("one is required"),
    known("needs Action or NotAction"),
    known("needs Resource or NotResource"),
    known("must be a string or a list with at least one string"),
    # Resources.
    known("%s is not a resource"),
    known("write %s or an ARN such as %s"),
    known("%s is not a whole ARN"),
    known("it has six parts: arn:aws:service:region:account:resource"),
    # Principals.
    known("does not belong in a policy of users, groups or roles"),
    known("does not belong in a trust policy: the role itself is the resource"),
    known("needs Principal or NotPrincipal"),
    known("name whom the statement speaks of"),
    known("NotPrincipal cannot be used in a trust policy"),
    known("NotPrincipal cannot be used with Allow: it would allow everybody else"),
    known("write Principal, with a condition on aws:PrincipalArn where needed"),
    known("is not a principal"),
    known("write %s or an object such as {%s: %s}"),
    known("NotPrincipal %s speaks of nobody"),
    known("name the principals that are to be spared"),
    known("CanonicalUser is not supported"),
    known("name the user by its ARN under AWS"),
    known("%s is not a kind of principal"),
    known("use AWS, Service or Federated"),
    known("%s has a wildcard, which a principal cannot have"),
    known("write the whole name, or %s alone with a condition on aws:PrincipalArn"),
    known("%s is not an AWS principal"),
    known("write an account's twelve digits, or a whole ARN such as arn:aws:iam::123456789012:role/deployer"),
    known("%s is not a service"),
    known("write its name, such as %s"),
    # Conditions.
    known("must be an object such as {%s: {%s: %s}}"),
    known("must be an object of condition keys and their values"),
    known("%s is not a condition operator"),
    known("Null takes neither IfExists nor a set operator"),
    known("%s is not a condition key"),
    known("write %s, such as %s"),
    known("needs at least one value"),
    known("a number has too many digits"),
    known("values must be strings, numbers or booleans"),
    known("%s is not an ARN pattern"),
    known("it has six parts"),
    known("%s is not a number"),
    known("%s is not a date"),
    known("must be %s (the key is missing) or %s (it is there)"),
    known("%s is not an address"),
    known("write an address or a range such as 10.0.0.0/8"),
    known("must be base64"),
    # What is valid and probably not meant.
    known("is missing: the policy is read as of 2008"),
    known("add %s"),
    known("policy variables are plain text in this version"),
    known("write %s"),
    known("says the same as %s"),
    known("leave one out"),
    known("NotAction with Allow also allows every action that is added later"),
    known("list what is to be allowed under Action"),
    known("NotResource with Allow also allows every resource that is added later"),
    known("list what is to be allowed under Resource"),
    known("allows every action on everything, users and policies too"),
    known("name the actions or the resources"),
    known("NotPrincipal denies whoever is not listed with session, role and account"),
    known("use a condition on aws:PrincipalArn"),
    known("everybody may"),
    known("name principals, or add a condition"),
    known("there is no action %s here"),
    known("%s has no actions here"),
    known("mind the spelling; it has no effect as it is"),
    known("is covered by %s"),
    known("a policy variable is not closed"),
    known("write ${key}"),
    known("* is a plain character with %s"),
    known("use StringLike"),
    known("also holds where the key is missing"),
}


def parted(sentence: str) -> tuple[str, list[str]]:
    """The sentence with `%s` for what varies, and that: '"x" is not a number' is ("%s is not a number", ['"x"'])."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(match.group())
        return "%s"

    return _VARYING.sub(take, sentence), found


def in_words(sentence: str) -> str:
    """`sentence` translated, with its names and places as they are."""
    if (get_language() or "en").startswith("en"):
        return sentence
    template, varying = parted(sentence)
    if template not in _SENTENCES:
        return _(sentence) if sentence in _SENTENCES else sentence
    said = _(template)
    for text in varying:
        said = said.replace("%s", text, 1)
    return said


def is_known(sentence: str) -> bool:
    """Whether it can be translated: for the test that walks through all of them."""
    return sentence in _SENTENCES or parted(sentence)[0] in _SENTENCES
