"""Celery jobs: thin doors to the control loop. Any of them may be lost, doubled or killed."""

from __future__ import annotations

from celery import shared_task

from services.control import cleaning, driver, reconcile, resolving, retention, standing, sweep
from services.models import Task
from services.schedules import firing


@shared_task(name="services.reconcile_service", ignore_result=True)
def reconcile_service(service_id: int) -> None:
    reconcile.reconcile(service_id)


@shared_task(name="services.drive_task", ignore_result=True)
def drive_task(task_id: str) -> None:
    driver.drive(task_id)


@shared_task(name="services.resolve_images", ignore_result=True)
def resolve_images(deployment_id: str) -> None:
    resolving.resolve_images(deployment_id)


@shared_task(name="services.resolve_images_of_task_set", ignore_result=True)
def resolve_images_of_task_set(revision_id: str) -> None:
    resolving.resolve_images_of_task_set(revision_id)


@shared_task(name="services.collect_logs", ignore_result=True)
def collect_logs(task_id: str) -> None:
    if Task.objects.filter(pk=task_id).exclude(status="STOPPED").exists():
        standing.collect_logs(task_id)


@shared_task(name="services.sweep", ignore_result=True)
def sweep_due() -> None:
    sweep.sweep()


@shared_task(name="services.clean_instances", ignore_result=True)
def clean_instances() -> None:
    cleaning.send_due()


@shared_task(name="services.clean_instance", ignore_result=True)
def clean_instance(instance_id: str) -> None:
    cleaning.clean_instance(instance_id)


@shared_task(name="services.fire_rules", ignore_result=True)
def fire_rules() -> None:
    firing.fire_due()


@shared_task(name="services.run_rule", ignore_result=True)
def run_rule(run_id: str) -> None:
    firing.run(run_id)


@shared_task(name="services.retention", ignore_result=True)
def apply_retention() -> None:
    retention.apply()


@shared_task(name="services.remove_helper", ignore_result=True)
def remove_helper(instance_id: str) -> None:
    standing.remove_helper_of(instance_id)
