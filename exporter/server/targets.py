"""The configured instances in the form of Prometheus' HTTP service discovery."""

import json

from exporter.config import Config


def targets_document(config: Config) -> bytes:
    """Return a JSON list with one target group for each instance, in the order of the configuration."""
    groups = [
        {
            "targets": [instance.name],
            "labels": {"__meta_mastodon_url": instance.url, "__meta_mastodon_domain": instance.domain},
        }
        for instance in config.instances
    ]
    return json.dumps(groups, indent=2, ensure_ascii=False).encode()
