"""Environments: data that says where and how a flow runs."""
