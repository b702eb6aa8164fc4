"""The sample application from the overview: offered where nothing runs, refused to who may not, deployed by a job."""

from __future__ import annotations

from access.models import AuditRecord
from clusters.models import Cluster, ContainerInstance
from clusters.operations import ensure_defaults
from console.jobs import deploy_sample
from services.models import Service
from tests import factories


def _installation(connected: bool = True) -> None:
    ensure_defaults()
    instance = factories.instance(Cluster.objects.get(name="default"))
    ContainerInstance.objects.filter(pk=instance.pk).update(connected=connected)


def test_who_may_deploys_it_by_a_job(reader, jobs) -> None:
    _installation()
    person = reader("deployer")
    assert 'action="/deploy-sample/"' in person.text("/")
    assert person.post("/deploy-sample/") == "/"
    assert ("console.deploy_sample", person.user.pk, "default") in jobs
    assert "on its way" in person.text("/")


def test_who_may_not_sees_why_and_is_refused(reader, jobs, rows) -> None:
    _installation()
    person = reader("read-only")
    text = person.text("/")
    assert 'action="/deploy-sample/"' not in text and "Deploy the sample application" in text
    before = rows()
    person.post("/deploy-sample/", 403)
    assert rows() == before
    assert not [job for job in jobs if job[0] == "console.deploy_sample"]
    assert AuditRecord.objects.filter(result="denied", action="ecs:RegisterTaskDefinition").exists()


def test_without_an_engine_nothing_is_begun(reader, jobs) -> None:
    _installation(connected=False)
    person = reader("deployer")
    person.post("/deploy-sample/")
    assert "No instance of the cluster default is connected yet." in person.text("/")
    assert not [job for job in jobs if job[0] == "console.deploy_sample"]


def test_it_is_not_offered_where_services_run(reader) -> None:
    factories.world(quiet=True)
    assert "/deploy-sample/" not in reader("administrator").text("/")


def test_the_job_does_nothing_for_somebody_who_may_no_longer(reader, jobs) -> None:
    _installation()
    person = reader("read-only")
    deploy_sample(person.user.pk, "default")
    person.user.is_active = False
    person.user.save()
    deploy_sample(person.user.pk, "default")
    assert not Service.objects.exists()
