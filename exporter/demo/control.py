"""The small page, and the URLs, by which faults are switched while the sample server runs."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Protocol

from exporter.demo.answers import Answer, Request, html, json_document, plain, redirect
from exporter.demo.faults import FAULTS, Fault, find_fault
from exporter.demo.pages import TEMPLATES
from exporter.demo.site import Site

FAULTS_PATH = "/faults"
RESET_PATH = f"{FAULTS_PATH}/reset"

_SWITCH_PATH = re.compile(rf"{FAULTS_PATH}/([^/]+)/(on|off)")
_HOST = re.compile(r"(?:\[(?P<ipv6>[^]]+)\]|(?P<name>[^:/@]+))(?::[0-9]+)?")
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


class Switches(Protocol):
    """Where the faults are switched. Safe to call from several threads."""

    @property
    def switched_on(self) -> AbstractSet[str]: ...

    def switch(self, fault: str, on: bool) -> None: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class Panel:
    """The control page of one sample server."""

    site: Site
    switches: Switches

    def answer(self, request: Request) -> Answer:
        """Return the page, the list, or the outcome of a switch; refuse what another web site sends."""
        if not is_loopback(request.headers.get("host", "")):
            return plain("The control page answers to loopback names only, such as 127.0.0.1.\n", HTTPStatus.FORBIDDEN)
        if request.path == "/":
            return self._page()
        if request.path == FAULTS_PATH:
            return self._list()
        # Any page may hold a link or an image that leads here; browsers say so.
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return plain("Switch faults from the control page, not from another site.\n", HTTPStatus.FORBIDDEN)
        return self._change(request)

    def _page(self) -> Answer:
        page = TEMPLATES.get_template("control.html")
        text = page.render(site=self.site, faults=FAULTS, switched_on=self.switches.switched_on)
        return html(text).with_headers(("Content-Security-Policy", _PAGE_POLICY))

    def _list(self) -> Answer:
        switched_on = self.switches.switched_on
        return json_document([_describe(fault, fault.name in switched_on) for fault in FAULTS])

    def _change(self, request: Request) -> Answer:
        if request.path == RESET_PATH:
            self.switches.reset()
            return self._changed(request)
        match = _SWITCH_PATH.fullmatch(request.path)
        if match is None:
            return plain("There is nothing here; the page is at /.\n", HTTPStatus.NOT_FOUND)
        fault = find_fault(match[1])
        if fault is None:
            return plain(
                f"There is no fault of that name; {FAULTS_PATH} lists those there are.\n", HTTPStatus.NOT_FOUND
            )
        self.switches.switch(fault.name, match[2] == "on")
        return self._changed(request)

    def _changed(self, request: Request) -> Answer:
        """Return to the page in a browser; elsewhere tell what is on."""
        if "text/html" in request.accepted_types:
            return redirect("/", HTTPStatus.SEE_OTHER)
        return json_document({"on": sorted(self.switches.switched_on)})


def is_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine alone."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["ipv6"] or match["name"]
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _describe(fault: Fault, on: bool) -> dict[str, object]:
    return {"name": fault.name, "title": fault.title, "breaks": fault.breaks, "reason": fault.reason, "on": on}
