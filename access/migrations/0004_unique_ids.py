"""Every identity has its unique id from now on."""

from django.db import migrations, models

from access.identities import unique_ids


def _column(made):
    return models.CharField(default=made, editable=False, max_length=21, unique=True)


class Migration(migrations.Migration):
    dependencies = [("access", "0003_first_versions_and_ids")]

    operations = [
        migrations.AlterField("user", "unique_id", _column(unique_ids.user_id)),
        migrations.AlterField("group", "unique_id", _column(unique_ids.group_id)),
        migrations.AlterField("policy", "unique_id", _column(unique_ids.policy_id)),
    ]
