"""Rows from before get their unique id, and policies their document as version v1."""

from django.db import migrations

from access.identities import unique_ids

_MADE = {"User": unique_ids.user_id, "Group": unique_ids.group_id, "Policy": unique_ids.policy_id}


def fill(apps, schema_editor):
    for name, made in _MADE.items():
        model = apps.get_model("access", name)
        for pk in model.objects.filter(unique_id=None).values_list("pk", flat=True):
            model.objects.filter(pk=pk).update(unique_id=made())
    versions = apps.get_model("access", "PolicyVersion").objects
    for policy in apps.get_model("access", "Policy").objects.filter(versions=None):
        versions.create(policy=policy, number=1, document=policy.document, created_at=policy.updated_at)


class Migration(migrations.Migration):
    dependencies = [("access", "0002_identities")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
