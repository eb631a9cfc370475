"""Make the groups Viewers, Operators and Keepers beside Reviewers, and give new permissions to those who could do
the same before.

Reviewers with members keep the permission to accept in bulk; without members they do not get it.
"""

from django.conf import settings
from django.db import migrations

REVIEWERS = "Reviewers"
VIEWED = {
    "movie": "movie",
    "poster": "poster",
    "placeholder": "placeholder",
    "genre": "genre",
    "suggestion": "suggestion",
    "reviewdecision": "review decision",
    "duplicatedecision": "duplicate decision",
    "genremodel": "genre model",
    "extractor": "extractor",
    "run": "run",
}
# Codename -> (model, name). Django creates permissions after all migrations, so they are made here under the names
# it would give them, and it then finds them.
PERMISSIONS = {
    **{f"view_{model}": (model, f"Can view {name}") for model, name in VIEWED.items()},
    "review_suggestion": ("suggestion", "Can review suggested genres"),
    "accept_in_bulk": ("suggestion", "Can accept many suggestions at once"),
    "resolve_disagreement": ("suggestion", "Can resolve disagreements of reviewers"),
    "decide_duplicate": ("duplicategroup", "Can merge duplicates or keep them apart"),
    "start_run": ("run", "Can start, retry and cancel runs"),
    "train_genremodel": ("genremodel", "Can train genre models"),
    "change_genremodel": ("genremodel", "Can change genre model"),
    "add_genre": ("genre", "Can add genre"),
    "change_genre": ("genre", "Can change genre"),
    "add_movie": ("movie", "Can add movie"),
    "change_movie": ("movie", "Can change movie"),
    "delete_movie": ("movie", "Can delete movie"),
    "change_poster": ("poster", "Can change poster"),
    "delete_poster": ("poster", "Can delete poster"),
    "change_placeholder": ("placeholder", "Can change placeholder"),
}
VIEW = [f"view_{model}" for model in VIEWED]
ROLES = {
    "Viewers": VIEW,
    "Operators": [
        *VIEW,
        "start_run",
        "add_movie",
        "change_movie",
        "delete_movie",
        "change_poster",
        "delete_poster",
        "change_placeholder",
    ],
    "Keepers": [
        *VIEW,
        "review_suggestion",
        "accept_in_bulk",
        "resolve_disagreement",
        "decide_duplicate",
        "train_genremodel",
        "change_genremodel",
        "add_genre",
        "change_genre",
    ],
}
# New permission -> the permission that included it before.
INCLUDED_IN = {"accept_in_bulk": "review_suggestion", "train_genremodel": "start_run"}


def create_roles(apps, schema_editor):
    permission = {codename: _permission(apps, codename) for codename in PERMISSIONS}
    Group = apps.get_model("auth", "Group")
    keep_abilities(apps, permission)
    for name, codenames in ROLES.items():
        group, created = Group.objects.get_or_create(name=name)
        # A group of this name that an administrator made keeps its permissions.
        if created:
            group.permissions.set(permission[codename] for codename in codenames)


def keep_abilities(apps, permission):
    """Give the new permissions to the groups and accounts that had what included them."""
    User = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    for new, old in INCLUDED_IN.items():
        for user in User.objects.filter(user_permissions=permission[old]):
            user.user_permissions.add(permission[new])
        for group in permission[old].group_set.all():
            if group.name != REVIEWERS or group.user_set.exists():
                group.permissions.add(permission[new])


def _permission(apps, codename):
    model, name = PERMISSIONS[codename]
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="catalog", model=model
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": name}
    )
    return permission


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0023_review_reservations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="genremodel",
            options={
                "ordering": ["-version"],
                "permissions": [("train_genremodel", "Can train genre models")],
            },
        ),
        migrations.AlterModelOptions(
            name="suggestion",
            options={
                "ordering": ["-score", "pk"],
                "permissions": [
                    ("review_suggestion", "Can review suggested genres"),
                    ("accept_in_bulk", "Can accept many suggestions at once"),
                    ("resolve_disagreement", "Can resolve disagreements of reviewers"),
                ],
            },
        ),
        # Backwards leaves the groups: people may have been put into them.
        migrations.RunPython(create_roles, migrations.RunPython.noop),
    ]
