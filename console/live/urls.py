"""Addresses below /live/."""

from __future__ import annotations

from django.urls import path

from console.live.views import live

urlpatterns = [path("", live, name="live")]
