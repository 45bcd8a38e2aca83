# SPDX-License-Identifier: Apache-2.0
"""What the integration tests, the demo and the benchmark share: throw-away servers, mailboxes,
a client that asks the servers, and the programs under test."""
