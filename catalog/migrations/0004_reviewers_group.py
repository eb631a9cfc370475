"""Make the group of reviewers: people who may decide suggestions and see what they are about, and nothing else."""

from django.db import migrations

GROUP = "Reviewers"
# Codename -> (model, name): permissions are rows that Django writes only after all migrations, so they are made here
# under the names it would give them, and it then finds them.
PERMISSIONS = {
    "review_suggestion": ("suggestion", "Can review suggested genres"),
    "view_suggestion": ("suggestion", "Can view suggestion"),
    "view_reviewdecision": ("reviewdecision", "Can view review decision"),
    "view_movie": ("movie", "Can view movie"),
    "view_poster": ("poster", "Can view poster"),
    "view_genre": ("genre", "Can view genre"),
    "view_genremodel": ("genremodel", "Can view genre model"),
}


def create_reviewers(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    group, created = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    if not created:
        return
    for codename, (model, name) in PERMISSIONS.items():
        content_type, _ = ContentType.objects.get_or_create(app_label="catalog", model=model)
        permission, _ = Permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_review_queue"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    # Backwards leaves the group: people may have been put into it.
    operations = [migrations.RunPython(create_reviewers, migrations.RunPython.noop)]
