# SPDX-License-Identifier: Apache-2.0
"""The package in a machine: what an administrator does with it, and what then happens."""
