"""Roles, keys, versions of policies, inline policies, boundaries, tags; unique ids still empty for rows there are."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import access.identities.unique_ids
import base.clock


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key_id",
                    models.CharField(default=access.identities.unique_ids.access_key_id, max_length=128, unique=True),
                ),
                ("encrypted_secret", models.TextField()),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=base.clock.now, editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_service", models.CharField(blank=True, max_length=64)),
                ("last_used_region", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="InlinePolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=128,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9+=,.@_-]+\\Z", "Use letters, digits and + = , . @ _ - only."
                            )
                        ],
                    ),
                ),
                ("document", models.JSONField()),
                ("created_at", models.DateTimeField(default=base.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(default=base.clock.now)),
            ],
            options={
                "verbose_name_plural": "inline policies",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("document", models.JSONField()),
                ("created_at", models.DateTimeField(default=base.clock.now, editable=False)),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="Role",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9+=,.@_-]+\\Z", "Use letters, digits and + = , . @ _ - only."
                            )
                        ],
                    ),
                ),
                (
                    "unique_id",
                    models.CharField(
                        default=access.identities.unique_ids.role_id, editable=False, max_length=21, unique=True
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=1000)),
                ("trust_policy", models.JSONField()),
                ("max_session_seconds", models.PositiveIntegerField(default=3600)),
                ("tags", models.JSONField(blank=True, default=dict)),
                ("sessions_valid_from", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=base.clock.now, editable=False)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="TemporaryCredential",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key_id",
                    models.CharField(default=access.identities.unique_ids.temporary_key_id, max_length=128, unique=True),
                ),
                ("encrypted_secret", models.TextField()),
                ("token_digest", models.CharField(max_length=64, unique=True)),
                ("session_name", models.CharField(blank=True, max_length=64)),
                ("assumed_by", models.CharField(blank=True, max_length=256)),
                ("session_policies", models.JSONField(blank=True, default=list)),
                ("tags", models.JSONField(blank=True, default=dict)),
                ("transitive_tags", models.JSONField(blank=True, default=list)),
                ("source_identity", models.CharField(blank=True, max_length=64)),
                ("mfa_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=base.clock.now, editable=False)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="group",
            name="unique_id",
            field=models.CharField(editable=False, max_length=21, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="policy",
            name="default_version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="policy",
            name="last_version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="policy",
            name="tags",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="policy",
            name="unique_id",
            field=models.CharField(editable=False, max_length=21, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="user",
            name="boundary",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bounded_users",
                to="access.policy",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="policies",
            field=models.ManyToManyField(blank=True, related_name="users", to="access.policy"),
        ),
        migrations.AddField(
            model_name="user",
            name="tags",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="user",
            name="unique_id",
            field=models.CharField(editable=False, max_length=21, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="accesskey",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="access_keys",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="inlinepolicy",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="inline_policies",
                to="access.group",
            ),
        ),
        migrations.AddField(
            model_name="inlinepolicy",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="inline_policies",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="access.policy"
            ),
        ),
        migrations.AddField(
            model_name="role",
            name="boundary",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bounded_roles",
                to="access.policy",
            ),
        ),
        migrations.AddField(
            model_name="role",
            name="policies",
            field=models.ManyToManyField(blank=True, related_name="roles", to="access.policy"),
        ),
        migrations.AddField(
            model_name="inlinepolicy",
            name="role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="inline_policies",
                to="access.role",
            ),
        ),
        migrations.AddField(
            model_name="temporarycredential",
            name="role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sessions",
                to="access.role",
            ),
        ),
        migrations.AddField(
            model_name="temporarycredential",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sessions_by_key",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.UniqueConstraint(fields=("policy", "number"), name="policy_version_unique"),
        ),
        migrations.AddConstraint(
            model_name="role",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("name"), name="role_name_unique_ignoring_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="role",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_session_seconds__gte", 900), ("max_session_seconds__lte", 43200)),
                name="role_session_within_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="inlinepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("group__isnull", True), ("role__isnull", True), ("user__isnull", False)),
                    models.Q(("group__isnull", False), ("role__isnull", True), ("user__isnull", True)),
                    models.Q(("group__isnull", True), ("role__isnull", False), ("user__isnull", True)),
                    _connector="OR",
                ),
                name="inline_policy_has_one_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="inlinepolicy",
            constraint=models.UniqueConstraint(
                models.F("user"),
                django.db.models.functions.text.Lower("name"),
                name="inline_policy_unique_of_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="inlinepolicy",
            constraint=models.UniqueConstraint(
                models.F("group"),
                django.db.models.functions.text.Lower("name"),
                name="inline_policy_unique_of_group",
            ),
        ),
        migrations.AddConstraint(
            model_name="inlinepolicy",
            constraint=models.UniqueConstraint(
                models.F("role"),
                django.db.models.functions.text.Lower("name"),
                name="inline_policy_unique_of_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="temporarycredential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("role__isnull", True), ("user__isnull", False)),
                    models.Q(("role__isnull", False), ("user__isnull", True)),
                    _connector="OR",
                ),
                name="temporary_credential_of_user_or_role",
            ),
        ),
    ]
