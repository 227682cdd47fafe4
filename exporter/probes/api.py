"""`api`: does the REST API answer, so that apps work even where the web pages do not?"""

from exporter.probes.look import Look
from exporter.probes.verdict import Verdict, failed, passed, restricted
from exporter.probes.visit import Visit


async def check(_visit: Visit, look: Look) -> Verdict:
    """Ask the instance API, and require a version in what it says."""
    answer = await look.ask_api()
    if answer.failure is not None:
        return failed(answer.failure, answer.path)
    if answer.closed:
        return restricted("limited federation: the instance API is for signed-in people only")
    version = answer.announcement.version if answer.announcement else None
    return passed(f"version {version}")
