"""The list of a channel's links, with what each of them has brought.

Guarantee: a page of the list costs the same number of queries for any number of links and arrivals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from channels_tiktok.models import Channel
from messagelinks import figures, linking
from messagelinks.figures import Figures
from messagelinks.models import Arrival, LinkVersion, MessageLink

PAGE = 50
REJECTED = "REJECT"


@dataclass(frozen=True)
class ListedVersion:
    """A version with its addresses. `former_url` is that of copies with the account's former username, if any."""

    version: LinkVersion
    url: str
    former_url: str
    is_rejected: bool
    figures: Figures


@dataclass(frozen=True)
class ListedLink:
    """A link as lists show it. `same_ref` are other links of the channel with its tag."""

    link: MessageLink
    current: ListedVersion
    versions: Sequence[ListedVersion]
    figures: Figures
    same_ref: Sequence[str]


def links_of(channel: Channel, *, before: int | None = None) -> tuple[list[ListedLink], int | None]:
    """The links of a channel, the newest first, below number `before`; and where the next page starts."""
    links = MessageLink.objects.filter(channel=channel).order_by("-id")
    if before:
        links = links.filter(id__lt=before)
    found = list(with_versions(links)[: PAGE + 1])
    return listed(found[:PAGE]), found[PAGE - 1].pk if len(found) > PAGE else None


def with_versions(links: QuerySet[MessageLink]) -> QuerySet[MessageLink]:
    """`links` with what `listed` looks at."""
    reviewed = Arrival.objects.filter(version=OuterRef("pk")).exclude(review="").order_by("-arrived_at")
    versions = LinkVersion.objects.annotate(review=Subquery(reviewed.values("review")[:1])).order_by("-number")
    return links.select_related("channel").prefetch_related(Prefetch("versions", versions))


def listed(links: Sequence[MessageLink], arrivals: QuerySet[Arrival] | None = None) -> list[ListedLink]:
    """Links with their figures: of all `arrivals`, or of those given."""
    of_all = Arrival.objects.all() if arrivals is None else arrivals
    theirs = of_all.filter(version__link__in=[link.pk for link in links])
    by_link = figures.by("version__link", theirs)
    by_version = figures.by("version", theirs)
    by_ref = _titles_by_ref(links)
    return [_listed(link, by_link, by_version, by_ref) for link in links]


def _listed(
    link: MessageLink,
    by_link: dict[Any, Figures],
    by_version: dict[Any, Figures],
    by_ref: dict[tuple[int, str], dict[int, str]],
) -> ListedLink:
    versions = [
        _listed_version(link, version, by_version.get(version.pk, figures.NOTHING))
        for version in link.versions.all()
    ]
    current = next(one for one in versions if one.version.is_current)
    same_ref = by_ref.get((link.channel_id, current.version.ref), {})
    others = [title for pk, title in same_ref.items() if pk != link.pk]
    return ListedLink(link, current, versions, by_link.get(link.pk, figures.NOTHING), others)


def _listed_version(link: MessageLink, version: Any, brought: Figures) -> ListedVersion:
    shared = linking.address(version)
    now = linking.address(version, username=link.channel.username)
    return ListedVersion(
        version,
        url=now,
        former_url=shared if shared != now else "",
        is_rejected=version.review == REJECTED,
        figures=brought,
    )


def _titles_by_ref(links: Iterable[MessageLink]) -> dict[tuple[int, str], dict[int, str]]:
    """The links that share a tag with one of these now, by channel and tag."""
    refs = {version.ref for link in links for version in link.versions.all() if version.is_current and version.ref}
    channels = {link.channel_id for link in links}
    if not refs:
        return {}
    found: dict[tuple[int, str], dict[int, str]] = {}
    sharing = LinkVersion.objects.filter(channel__in=channels, ref__in=refs, is_current=True)
    rows = sharing.order_by("link").values_list("channel_id", "ref", "link_id", "link__title")
    for channel_id, ref, link_id, title in rows:
        found.setdefault((channel_id, ref), {})[link_id] = title
    return found
