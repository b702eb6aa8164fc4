# ruff: noqa: E501 - a table: one case a line
"""Rules that AWS documents, as cases: each section names its source, each case is one line.

CONDITIONS: (condition block, request context, whether it holds). STATEMENTS: (statements, action, resource, context,
decision). LAYERS: (who asks, identity, guards, resource policy, decision), with statements in short form.
"""

from __future__ import annotations

from typing import Any

W = "arn:aws:ecs:us-east-1:123456789012:service/prod/web"
A = "arn:aws:ecs:us-east-1:123456789012:service/prod/api"
C = "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
R = "arn:aws:iam::123456789012:role/deployer"
U = "arn:aws:iam::123456789012:user/ana"
S = "arn:aws:sts::123456789012:assumed-role/deployer/ana"
ROOT = "arn:aws:iam::123456789012:root"

OPERATORS = "IAM User Guide, IAM JSON policy elements: Condition operators"
SETS = "IAM User Guide, Set operators for multivalued context keys"
LOGIC = "IAM User Guide, Conditions with multiple context keys or values"
VARIABLES = "IAM User Guide, IAM policy elements: Variables and tags"

Condition = tuple[dict[str, Any], dict[str, Any], bool]

CONDITIONS: dict[str, list[Condition]] = {
    f"{OPERATORS}: String condition operators": [
        ({"StringEquals": {"aws:PrincipalTag/job": "iamuser-admin"}}, {"aws:PrincipalTag/job": "iamuser-admin"}, True),
        ({"StringEquals": {"aws:PrincipalTag/job": "iamuser-admin"}}, {"aws:PrincipalTag/job": "IAMuser-admin"}, False),
        ({"StringEquals": {"aws:PrincipalTag/job": "iamuser-admin"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalTag/job": ""}}, {"aws:PrincipalTag/job": ""}, True),
        ({"StringEquals": {"aws:username": "a*"}}, {"aws:username": "ana"}, False),
        ({"StringEquals": {"aws:username": "a?a"}}, {"aws:username": "a?a"}, True),
        ({"StringNotEquals": {"aws:username": "ana"}}, {"aws:username": "bob"}, True),
        ({"StringNotEquals": {"aws:username": "ana"}}, {"aws:username": "ana"}, False),
        ({"StringNotEquals": {"aws:username": "ana"}}, {"aws:username": "Ana"}, True),
        ({"StringNotEquals": {"aws:username": "ana"}}, {}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "ANA"}}, {"aws:username": "ana"}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "ANA"}}, {"aws:username": "anna"}, False),
        ({"StringNotEqualsIgnoreCase": {"aws:username": "ANA"}}, {"aws:username": "ana"}, False),
        ({"StringNotEqualsIgnoreCase": {"aws:username": "ANA"}}, {"aws:username": "bob"}, True),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/ana/notes"}, True),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "Home/ana"}, False),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/"}, True),
        ({"StringLike": {"s3:prefix": "home/?"}}, {"s3:prefix": "home/"}, False),
        ({"StringLike": {"s3:prefix": "home/?"}}, {"s3:prefix": "home/a"}, True),
        ({"StringLike": {"s3:prefix": "*a*b*c"}}, {"s3:prefix": "xxaxxbxxbxc"}, True),
        ({"StringLike": {"s3:prefix": "*a*b*c"}}, {"s3:prefix": "xxaxxcxxbx"}, False),
        ({"StringLike": {"s3:prefix": "ab*b"}}, {"s3:prefix": "ab"}, False),
        ({"StringLike": {"s3:prefix": "*"}}, {"s3:prefix": ""}, True),
        ({"StringLike": {"s3:prefix": "*"}}, {}, False),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "etc/x"}, True),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/x"}, False),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {}, True),
    ],
    f"{OPERATORS}: Numeric condition operators": [
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": "10"}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": "11"}, False),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": "9.99"}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": "10"}, False),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "11"}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "9"}, False),
        ({"NumericGreaterThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, True),
        ({"NumericGreaterThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "-10"}, False),
        ({"NumericEquals": {"s3:max-keys": ["1", "2"]}}, {"s3:max-keys": "2.0"}, True),
        ({"NumericEquals": {"s3:max-keys": "100"}}, {"s3:max-keys": "1e2"}, True),
        ({"NumericEquals": {"s3:max-keys": "100"}}, {"s3:max-keys": "x"}, False),
        ({"NumericEquals": {"s3:max-keys": "1"}}, {}, False),
        ({"NumericNotEquals": {"s3:max-keys": "1"}}, {"s3:max-keys": "2"}, True),
        ({"NumericNotEquals": {"s3:max-keys": ["1", "2"]}}, {"s3:max-keys": "2"}, False),
        ({"NumericNotEquals": {"s3:max-keys": "1"}}, {}, True),
    ],
    f"{OPERATORS}: Date condition operators": [
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}}, {"aws:TokenIssueTime": "2020-01-01T00:00:02Z"}, True),
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}}, {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}, False),
        ({"DateGreaterThanEquals": {"aws:CurrentTime": "2020-01-01T00:00:01Z"}}, {"aws:CurrentTime": "2020-01-01T00:00:01Z"}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "2020-03-31T23:59:59Z"}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "2020-04-01T00:00:00Z"}, False),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "2020-04-01T02:00:00+02:00"}, True),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2020-04-01"}}, {"aws:CurrentTime": "2020-04-01T00:00:00Z"}, True),
        ({"DateEquals": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "1585699200"}, True),
        ({"DateEquals": {"aws:EpochTime": "1585699200"}}, {"aws:EpochTime": "2020-04-01T00:00:00.000Z"}, True),
        ({"DateEquals": {"aws:CurrentTime": "2020-04"}}, {"aws:CurrentTime": "2020-04-01T00:00:00Z"}, True),
        ({"DateNotEquals": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "2020-04-01T00:00:01Z"}, True),
        ({"DateNotEquals": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {}, True),
        ({"DateEquals": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, {"aws:CurrentTime": "soon"}, False),
    ],
    f"{OPERATORS}: Boolean condition operators": [
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "false"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws:SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "TRUE"}}, {"aws:MultiFactorAuthPresent": "true"}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, {}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, {"aws:MultiFactorAuthPresent": "true"}, False),
    ],
    f"{OPERATORS}: Binary condition operators": [
        ({"BinaryEquals": {"my:key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}, {"my:key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}, True),
        ({"BinaryEquals": {"my:key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}, {"my:key": "QmluYXJ5"}, False),
        ({"BinaryEquals": {"my:key": "QmluYXJ5"}}, {}, False),
    ],
    f"{OPERATORS}: IP address condition operators": [
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "203.0.113.15"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "203.0.114.15"}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.5"}}, {"aws:SourceIp": "203.0.113.5"}, True),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]}}, {"aws:SourceIp": "2001:db8:1234:5678:1::1"}, True),
        ({"IpAddress": {"aws:SourceIp": "2001:DB8:1234:5678::/64"}}, {"aws:SourceIp": "2001:db8:1234:5679::1"}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "::ffff:203.0.113.9"}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, {"aws:SourceIp": "2001:db8::1"}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, False),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "198.51.100.1"}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.0/24"]}}, {"aws:SourceIp": "198.51.100.1"}, False),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, True),
    ],
    f"{OPERATORS}: Amazon Resource Name (ARN) condition operators": [
        ({"ArnEquals": {"aws:SourceArn": C}}, {"aws:SourceArn": C}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:ecs:*:*:cluster/*"}}, {"aws:SourceArn": C}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:123456789012:cluster/pr??"}}, {"aws:SourceArn": C}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:123456789012:cluster/pr?"}}, {"aws:SourceArn": C}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:cluster/prod:*:*"}}, {"aws:SourceArn": C}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:*:*:*:*:*"}}, {"aws:SourceArn": C}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket/*"}}, {"aws:SourceArn": "arn:aws:s3:::bucket/a:b/c"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ECS:*:*:cluster/prod"}}, {"aws:SourceArn": C}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:*:cluster/*"}}, {"aws:SourceArn": "cluster/prod"}, False),
        ({"ArnEquals": {"aws:SourceArn": C}}, {}, False),
        ({"ArnNotEquals": {"aws:SourceArn": C}}, {"aws:SourceArn": W}, True),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:ecs:*:*:cluster/*"}}, {"aws:SourceArn": C}, False),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:ecs:*:*:cluster/*"}}, {}, True),
    ],
    f"{OPERATORS}: ...IfExists condition operators": [
        ({"StringEqualsIfExists": {"ec2:InstanceType": "t1.*"}}, {}, True),
        ({"StringLikeIfExists": {"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]}}, {"ec2:InstanceType": "t2.micro"}, True),
        ({"StringLikeIfExists": {"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]}}, {"ec2:InstanceType": "c5.large"}, False),
        ({"StringNotEqualsIfExists": {"aws:username": "ana"}}, {}, True),
        ({"StringNotEqualsIfExists": {"aws:username": "ana"}}, {"aws:username": "ana"}, False),
        ({"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "3600"}}, {}, True),
        ({"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "3600"}}, {"aws:MultiFactorAuthAge": "4000"}, False),
        ({"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}}, {}, True),
        ({"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:ecs:*:*:*"}}, {}, True),
    ],
    f"{OPERATORS}: Condition operator to check existence of condition keys": [
        ({"Null": {"aws:TokenIssueTime": "true"}}, {}, True),
        ({"Null": {"aws:TokenIssueTime": "true"}}, {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}, False),
        ({"Null": {"aws:TokenIssueTime": "false"}}, {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}, True),
        ({"Null": {"aws:TokenIssueTime": "false"}}, {}, False),
        ({"Null": {"aws:TagKeys": "false"}}, {"aws:TagKeys": []}, False),
        ({"Null": {"aws:TagKeys": "true"}}, {"aws:TagKeys": []}, True),
        ({"Null": {"aws:ResourceTag/team": "true", "aws:username": "false"}}, {"aws:username": "ana"}, True),
    ],
    SETS: [
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}, {"aws:TagKeys": ["webserver"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}, {"aws:TagKeys": ["webserver", "environment"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}, {"aws:TagKeys": ["webserver", "test"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment"]}}, {}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment"]}}, {"aws:TagKeys": []}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["environment"]}, "Null": {"aws:TagKeys": "false"}}, {}, False),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["secret"]}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["secret"]}}, {"aws:TagKeys": ["a", "secret"]}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["team-*"]}}, {"aws:TagKeys": ["team-a", "team-b"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}, {"aws:TagKeys": ["webserver", "test"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}, {"aws:TagKeys": ["test"]}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment"]}}, {}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment"]}}, {"aws:TagKeys": []}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["a"]}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {}, False),
        ({"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": ["a"]}}, {}, True),
        ({"ForAnyValue:StringLike": {"aws:TagKeys": "env*"}}, {"aws:TagKeys": "environment"}, True),
    ],
    LOGIC: [
        ({"StringEquals": {"aws:PrincipalTag/department": "finance", "aws:PrincipalTag/role": "auditor"}}, {"aws:PrincipalTag/department": "finance", "aws:PrincipalTag/role": "auditor"}, True),
        ({"StringEquals": {"aws:PrincipalTag/department": "finance", "aws:PrincipalTag/role": "auditor"}}, {"aws:PrincipalTag/department": "finance"}, False),
        ({"StringEquals": {"aws:PrincipalTag/role": ["auditor", "admin"]}}, {"aws:PrincipalTag/role": "admin"}, True),
        ({"StringEquals": {"aws:PrincipalTag/role": ["auditor", "admin"]}}, {"aws:PrincipalTag/role": "guest"}, False),
        ({"StringNotEquals": {"aws:PrincipalTag/role": ["auditor", "admin"]}}, {"aws:PrincipalTag/role": "admin"}, False),
        ({"StringNotEquals": {"aws:PrincipalTag/role": ["auditor", "admin"]}}, {"aws:PrincipalTag/role": "guest"}, True),
        ({"StringEquals": {"aws:username": "ana"}, "Bool": {"aws:SecureTransport": "true"}}, {"aws:username": "ana", "aws:SecureTransport": "true"}, True),
        ({"StringEquals": {"aws:username": "ana"}, "Bool": {"aws:SecureTransport": "true"}}, {"aws:username": "ana", "aws:SecureTransport": "false"}, False),
        ({"StringEquals": {"AWS:UserName": "ana"}}, {"aws:username": "ana"}, True),
        ({"StringEquals": {"aws:ResourceTag/CostCenter": "7"}}, {"aws:resourcetag/costcenter": "7"}, True),
    ],
    VARIABLES: [
        ({"StringLike": {"s3:prefix": ["", "home/", "home/${aws:username}/*"]}}, {"s3:prefix": "home/ana/x", "aws:username": "ana"}, True),
        ({"StringLike": {"s3:prefix": ["", "home/", "home/${aws:username}/*"]}}, {"s3:prefix": "home/bob/x", "aws:username": "ana"}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {"aws:ResourceTag/team": "red", "aws:PrincipalTag/team": "red"}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {"aws:ResourceTag/team": "red", "aws:PrincipalTag/team": "blue"}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {"aws:ResourceTag/team": "red"}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team, 'company-wide'}"}}, {"aws:ResourceTag/team": "company-wide"}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team, 'company-wide'}"}}, {"aws:ResourceTag/team": "red", "aws:PrincipalTag/team": "red"}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team, 'company-wide'}"}}, {"aws:ResourceTag/team": "company-wide", "aws:PrincipalTag/team": "red"}, False),
        ({"StringLike": {"my:key": "${*}"}}, {"my:key": "*"}, True),
        ({"StringLike": {"my:key": "${*}"}}, {"my:key": "anything"}, False),
        ({"StringLike": {"my:key": "a${?}"}}, {"my:key": "a?"}, True),
        ({"StringLike": {"my:key": "a${?}"}}, {"my:key": "ab"}, False),
        ({"StringEquals": {"my:key": "${$}{x}"}}, {"my:key": "${x}"}, True),
        ({"StringLike": {"my:key": "${aws:username}"}}, {"my:key": "anything", "aws:username": "*"}, False),
        ({"StringEquals": {"my:key": "${aws:TagKeys}"}}, {"my:key": "a", "aws:TagKeys": ["a", "b"]}, False),
        ({"StringEquals": {"my:key": "${AWS:USERNAME}"}}, {"my:key": "ana", "aws:username": "ana"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:${aws:PrincipalAccount}:cluster/*"}}, {"aws:SourceArn": C, "aws:PrincipalAccount": "123456789012"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:${aws:PrincipalAccount}:cluster/*"}}, {"aws:SourceArn": C, "aws:PrincipalAccount": "999999999999"}, False),
        ({"StringNotEquals": {"my:key": "${aws:username}"}}, {"my:key": "ana"}, True),
    ],
}  # fmt: skip


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def other(effect: str, **parts: Any) -> dict[str, Any]:
    return {"Effect": effect, **parts}


IF_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
OFFICE = {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]}}
OWN = "arn:aws:iam::*:user/${aws:username}"
ANA, BOB = {"aws:username": "ana"}, {"aws:username": "bob"}

Statements = list[dict[str, Any]]
STATEMENTS: dict[str, list[tuple[Statements, str, str, dict[str, Any], str]]] = {
    "IAM User Guide, Policy evaluation logic: Determining whether a request is allowed or denied": [
        ([], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow()], "ecs:UpdateService", W, {}, "allow"),
        ([allow(), deny()], "ecs:UpdateService", W, {}, "explicit-deny"),
        ([deny(), allow()], "ecs:UpdateService", W, {}, "explicit-deny"),
        ([deny("iam:*"), allow()], "ecs:UpdateService", W, {}, "allow"),
        ([deny("ecs:DeleteService")], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow("ecs:UpdateService"), allow("ecs:DeleteService"), deny("ecs:Delete*")], "ecs:DeleteService", W, {}, "explicit-deny"),
        ([allow("ecs:*", W), deny("ecs:*", A)], "ecs:UpdateService", W, {}, "allow"),
        ([allow("ecs:*"), deny("ecs:*", A)], "ecs:UpdateService", A, {}, "explicit-deny"),
    ],
    "IAM User Guide, IAM JSON policy elements: Action": [
        ([allow("ecs:UpdateService")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("ECS:UPDATESERVICE")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("ecs:UpdateService")], "ecs:updateservice", W, {}, "allow"),
        ([allow(["ecs:StopTask", "ecs:UpdateService"])], "ecs:UpdateService", W, {}, "allow"),
        ([allow("ecs:*")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("ecs:*")], "ecr:UpdateService", W, {}, "implicit-deny"),
        ([allow("ecs:Update*")], "ecs:UpdateCluster", C, {}, "allow"),
        ([allow("ecs:*Service")], "ecs:UpdateServicePrimary", W, {}, "implicit-deny"),
        ([allow("iam:*AccessKey*")], "iam:GetAccessKeyLastUsed", U, {}, "allow"),
        ([allow("iam:*AccessKey*")], "iam:GetUser", U, {}, "implicit-deny"),
        ([allow("ecs:?pdateService")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*:*")], "iam:GetUser", U, {}, "allow"),
    ],
    "IAM User Guide, IAM JSON policy elements: NotAction": [
        ([other("Allow", NotAction="iam:*", Resource="*")], "ecs:UpdateService", W, {}, "allow"),
        ([other("Allow", NotAction="iam:*", Resource="*")], "iam:GetUser", U, {}, "implicit-deny"),
        ([other("Allow", NotAction=["iam:*", "ecs:Delete*"], Resource="*")], "ecs:DeleteService", W, {}, "implicit-deny"),
        ([other("Allow", NotAction="ecs:DeleteService", Resource=W)], "ecs:UpdateService", A, {}, "implicit-deny"),
        ([allow(), other("Deny", NotAction="iam:*", Resource="*", Condition=NO_MFA)], "ecs:UpdateService", W, {}, "explicit-deny"),
        ([allow(), other("Deny", NotAction="iam:*", Resource="*", Condition=NO_MFA)], "iam:GetUser", U, {}, "allow"),
        ([allow(), other("Deny", NotAction="iam:*", Resource="*", Condition=NO_MFA)], "ecs:UpdateService", W, {"aws:MultiFactorAuthPresent": "true"}, "allow"),
        ([other("Deny", NotAction="iam:*", Resource="*")], "iam:GetUser", U, {}, "implicit-deny"),
    ],
    "IAM User Guide, IAM JSON policy elements: Resource": [
        ([allow("*", W)], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*", W)], "ecs:UpdateService", A, {}, "implicit-deny"),
        ([allow("*", [A, W])], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*", "arn:aws:ecs:us-east-1:123456789012:service/prod/*")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*", "arn:aws:ecs:us-east-1:123456789012:service/*/web")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*", "arn:aws:ecs:*:123456789012:service/prod/w??")], "ecs:UpdateService", W, {}, "allow"),
        ([allow("*", "arn:aws:ecs:*:123456789012:service/prod/w?")], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow("*", "arn:aws:ecs:us-east-1:123456789012:service/Prod/web")], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow("*", "arn:aws:ecs:us-east-1:999999999999:service/prod/web")], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow("ecs:ListClusters", C)], "ecs:ListClusters", "*", {}, "implicit-deny"),
        ([allow("ecs:ListClusters")], "ecs:ListClusters", "*", {}, "allow"),
        ([allow("iam:*", OWN)], "iam:ChangePassword", U, ANA, "allow"),
        ([allow("iam:*", OWN)], "iam:ChangePassword", U, BOB, "implicit-deny"),
        ([allow("iam:*", OWN)], "iam:ChangePassword", U, {}, "implicit-deny"),
        ([allow("iam:*", OWN)], "iam:ChangePassword", U, {"aws:username": "*"}, "implicit-deny"),
    ],
    "IAM User Guide, IAM JSON policy elements: NotResource": [
        ([other("Allow", Action="ecs:*", NotResource=W)], "ecs:UpdateService", A, {}, "allow"),
        ([other("Allow", Action="ecs:*", NotResource=W)], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow(), other("Deny", Action="ecs:*", NotResource=[W, A])], "ecs:UpdateService", W, {}, "allow"),
        ([allow(), other("Deny", Action="ecs:*", NotResource=[W, A])], "ecs:DeleteCluster", C, {}, "explicit-deny"),
        ([allow(), other("Deny", Action="ecs:*", NotResource=[W, A])], "iam:GetUser", U, {}, "allow"),
        ([other("Allow", Action="ecs:*", NotResource="arn:aws:ecs:*:*:service/prod/*")], "ecs:UpdateService", W, {}, "implicit-deny"),
    ],
    "IAM User Guide, Example policies: AWS: denies access based on the source IP; MFA": [
        ([allow(), deny(Condition=OFFICE)], "ecs:UpdateService", W, {"aws:SourceIp": "192.0.2.17"}, "allow"),
        ([allow(), deny(Condition=OFFICE)], "ecs:UpdateService", W, {"aws:SourceIp": "198.51.100.1"}, "explicit-deny"),
        ([allow(), deny(Condition=OFFICE)], "ecs:UpdateService", W, {}, "explicit-deny"),
        ([allow(Condition=IF_MFA)], "ecs:UpdateService", W, {"aws:MultiFactorAuthPresent": "true"}, "allow"),
        ([allow(Condition=IF_MFA)], "ecs:UpdateService", W, {"aws:MultiFactorAuthPresent": "false"}, "implicit-deny"),
        ([allow(Condition=IF_MFA)], "ecs:UpdateService", W, {}, "implicit-deny"),
        ([allow(), deny(Condition=NO_MFA)], "ecs:UpdateService", W, {}, "explicit-deny"),
    ],
    "Amazon ECS Developer Guide, Identity-based policy examples: clusters, tags": [
        ([allow("ecs:RunTask", Condition={"ArnEquals": {"ecs:cluster": C}})], "ecs:RunTask", W, {"ecs:cluster": C}, "allow"),
        ([allow("ecs:RunTask", Condition={"ArnEquals": {"ecs:cluster": C}})], "ecs:RunTask", W, {"ecs:cluster": C + "2"}, "implicit-deny"),
        ([allow("ecs:*", Condition={"StringEquals": {"aws:ResourceTag/Owner": "${aws:username}"}})], "ecs:DescribeServices", W, {**ANA, "aws:ResourceTag/Owner": "ana"}, "allow"),
        ([allow("ecs:*", Condition={"StringEquals": {"aws:ResourceTag/Owner": "${aws:username}"}})], "ecs:DescribeServices", W, {**BOB, "aws:ResourceTag/Owner": "ana"}, "implicit-deny"),
        ([allow(), deny("ecs:CreateCluster", Condition={"StringNotEquals": {"aws:RequestTag/environment": "test"}})], "ecs:CreateCluster", C, {}, "explicit-deny"),
    ],
}  # fmt: skip

BOUNDARIES = "IAM User Guide, Permissions boundaries for IAM entities"
SESSIONS = "IAM User Guide, Policies and permissions: Session policies"
WITHIN = "IAM User Guide, Evaluating identity-based policies with resource-based policies"
PRINCIPALS = "IAM User Guide, AWS JSON policy elements: Principal"
NOT_PRINCIPAL = "IAM User Guide, AWS JSON policy elements: NotPrincipal"


def there(effect: str, principal: Any, action: str = "*") -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}


def spared(*arns: str) -> dict[str, Any]:
    return {"Effect": "Deny", "NotPrincipal": {"AWS": list(arns)}, "Action": "*", "Resource": "*"}


Y, N = [allow()], [allow("s3:GetObject")]
X = [deny()]
# (who: "user" | "session" | "service", identity's statements, guards, the resource's own policy, decision)
Layered = tuple[str, Statements, list[Statements], Statements | None, str]
LAYERS: dict[str, list[Layered]] = {
    BOUNDARIES: [
        ("user", Y, [Y], None, "allow"),
        ("user", Y, [N], None, "implicit-deny"),
        ("user", N, [Y], None, "implicit-deny"),
        ("user", [], [Y], None, "implicit-deny"),
        ("user", Y, [X], None, "explicit-deny"),
        ("user", X, [Y], None, "explicit-deny"),
        ("user", Y, [[]], None, "implicit-deny"),
        ("user", N, [N], [there("Allow", {"AWS": U})], "allow"),
        ("user", N, [X], [there("Allow", {"AWS": U})], "explicit-deny"),
        ("session", N, [N], [there("Allow", {"AWS": R})], "implicit-deny"),
        ("session", N, [Y], [there("Allow", {"AWS": R})], "allow"),
        ("session", N, [N], [there("Allow", {"AWS": S})], "allow"),
    ],
    SESSIONS: [
        ("session", Y, [Y, Y], None, "allow"),
        ("session", Y, [Y, N], None, "implicit-deny"),
        ("session", Y, [N, Y], None, "implicit-deny"),
        ("session", N, [Y, Y], None, "implicit-deny"),
        ("session", Y, [Y, X], None, "explicit-deny"),
        ("session", N, [Y, N], [there("Allow", {"AWS": R})], "implicit-deny"),
        ("session", N, [N, N], [there("Allow", {"AWS": S})], "allow"),
    ],
    WITHIN: [
        ("user", Y, [], [there("Allow", {"AWS": R})], "allow"),
        ("user", N, [], [there("Allow", {"AWS": U})], "allow"),
        ("user", N, [], [there("Allow", {"AWS": R})], "implicit-deny"),
        ("user", X, [], [there("Allow", {"AWS": U})], "explicit-deny"),
        ("user", Y, [], [there("Deny", {"AWS": U})], "explicit-deny"),
        ("user", N, [], [there("Allow", {"AWS": U}), there("Deny", {"AWS": ROOT})], "explicit-deny"),
        ("user", Y, [], [there("Deny", {"AWS": R})], "allow"),
        ("session", Y, [], [there("Deny", {"AWS": R})], "explicit-deny"),
    ],
    PRINCIPALS: [
        ("user", N, [], [there("Allow", {"AWS": ROOT})], "implicit-deny"),
        ("user", Y, [], [there("Allow", {"AWS": "123456789012"})], "allow"),
        ("user", Y, [], [there("Deny", {"AWS": "123456789012"})], "explicit-deny"),
        ("user", N, [], [there("Allow", {"AWS": "999999999999"})], "implicit-deny"),
        ("user", N, [], [there("Allow", "*")], "allow"),
        ("user", N, [], [there("Allow", {"AWS": "*"})], "allow"),
        ("user", Y, [], [there("Deny", "*")], "explicit-deny"),
        ("session", N, [], [there("Allow", {"AWS": [U, S]})], "allow"),
        ("service", [], [], [there("Allow", {"Service": "ecs-tasks.amazonaws.com"})], "allow"),
        ("service", [], [], [there("Allow", {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]})], "allow"),
        ("service", [], [], [there("Allow", {"Service": "ec2.amazonaws.com"})], "implicit-deny"),
        ("service", [], [], [there("Allow", {"AWS": ROOT})], "implicit-deny"),
        ("user", N, [], [there("Allow", {"Service": "ecs-tasks.amazonaws.com"})], "implicit-deny"),
    ],
    NOT_PRINCIPAL: [
        ("user", Y, [], [spared(U, ROOT)], "allow"),
        ("user", Y, [], [spared(U)], "explicit-deny"),
        ("user", Y, [], [spared(R, ROOT)], "explicit-deny"),
        ("session", Y, [], [spared(S, R, ROOT)], "allow"),
        ("session", Y, [], [spared(R, ROOT)], "explicit-deny"),
    ],
}  # fmt: skip
