# SPDX-License-Identifier: Apache-2.0
"""Every server with every other: one mailbox, synced by the real programs, compared by asking
both servers."""
