"""Tests of the wiring: settings, the embedded broker, the supervisor, setting up."""
