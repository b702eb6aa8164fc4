"""The addresses of the pages. A list and what is in it share a prefix; tabs and filters are in the query string.

One line per page. A page that is not built yet is not here, and the navigation leaves it out.
"""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from console.web import (
    audit,
    audit_record,
    capacity,
    cluster_capacity,
    cluster_settings,
    clusters,
    exec,
    instance_attributes,
    instance_upkeep,
    instances,
    overview,
    sample,
    search,
    service_list,
    tags,
    task_list,
    urls_access,
    urls_daemons,
    urls_rules,
    urls_services,
    urls_signin,
    urls_vault,
)

urlpatterns: list[URLPattern] = [
    *urls_signin.urlpatterns,
    path("", overview.overview, name="overview"),
    path("deploy-sample/", sample.deploy, name="sample-deploy"),
    path("edit-tags/", tags.edit, name="tags"),
    path("search/", search.search, name="search"),
    path("clusters/", clusters.clusters, name="clusters"),
    path("create-cluster/", clusters.create, name="cluster-new"),
    path("clusters/<str:cluster>/", clusters.cluster, name="cluster"),
    path("clusters/<str:cluster>/network/", clusters.set_network, name="cluster-network"),
    path("clusters/<str:cluster>/delete/", clusters.delete, name="cluster-delete"),
    path("clusters/<str:cluster>/capacity-providers/", cluster_capacity.edit, name="cluster-capacity"),
    path("clusters/<str:cluster>/settings/", cluster_settings.edit, name="cluster-settings"),
    path("capacity-providers/", capacity.providers, name="capacity-providers"),
    path("create-capacity-provider/", capacity.create, name="capacity-provider-new"),
    path("capacity-providers/<str:provider>/", capacity.edit, name="capacity-provider"),
    path("capacity-providers/<str:provider>/delete/", capacity.delete, name="capacity-provider-delete"),
    path("services/", service_list.services, name="services"),
    path("tasks/", task_list.tasks, name="tasks"),
    path("clusters/<str:cluster>/tasks/<str:task>/exec/", exec.show, name="task-exec"),
    path("clusters/<str:cluster>/tasks/<str:task>/exec/begin/", exec.begin, name="task-exec-begin"),
    path("exec-sessions/<str:session>/end/", exec.end, name="exec-session-end"),
    path("exec-sessions/<str:session>/transcript/", exec.transcript, name="exec-session-transcript"),
    path("instances/", instances.instances, name="instances"),
    path("register-instance/", instances.register, name="instance-register"),
    path("clusters/<str:cluster>/instances/<str:instance>/", instances.instance, name="instance"),
    path(
        "clusters/<str:cluster>/instances/<str:instance>/state/", instances.set_state, name="instance-state"
    ),
    path(
        "clusters/<str:cluster>/instances/<str:instance>/settings/",
        instance_upkeep.settings,
        name="instance-settings",
    ),
    path(
        "clusters/<str:cluster>/instances/<str:instance>/clean/", instance_upkeep.clean, name="instance-clean"
    ),
    path(
        "clusters/<str:cluster>/instances/<str:instance>/deregister/",
        instances.deregister,
        name="instance-deregister",
    ),
    path(
        "clusters/<str:cluster>/instances/<str:instance>/attributes/",
        instance_attributes.edit,
        name="instance-attributes",
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.export, name="audit-export"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/<int:record>/", audit_record.record, name="audit-record"),
    *urls_access.urlpatterns,
    *urls_daemons.urlpatterns,
    *urls_rules.urlpatterns,
    *urls_services.urlpatterns,
    *urls_vault.urlpatterns,
]

if settings.DEBUG:
    from console.web import styleguide

    urlpatterns += [
        path("styleguide/", styleguide.show, name="styleguide"),
        path("styleguide/chart.json", styleguide.chart, name="styleguide-chart"),
        path("styleguide/log.json", styleguide.log, name="styleguide-log"),
        path("styleguide/search.json", styleguide.search, name="styleguide-search"),
        path("styleguide/refusal/", styleguide.refusal, name="styleguide-refusal"),
        path("styleguide/failure/", styleguide.failure, name="styleguide-failure"),
    ]
