# SPDX-License-Identifier: GPL-3.0-or-later
"""What the wire tests stand on: ports, certificates, processes, upstreams and clients. No test lives here."""
