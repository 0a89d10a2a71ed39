"""Reconciles TrainingJobs: schedules their pods and keeps their status and metrics."""
