"""What can go wrong in the migration, as types; it must not know HTTP, SQL or the command line.

ListingMirrorError
└── MigrateError
    ├── UsageError               the options contradict each other or name nothing      exit 2
    │   ├── UnknownDealerError   a dealer that is not in the table; lists the known ones
    │   └── UnknownListingError  a listing that is not in the table
    ├── ReportNotWrittenError    the report page cannot be written where it was asked for
    ├── BucketUnlistedError      the server does not let us read which objects the bucket has
    ├── StorageDownError         our storage has not answered for too long: the run stops  exit 1
    ├── LocalDiskError           no room for the temporary files: the run stops            exit 1
    ├── RunStoppedError          the run was asked to end while this waited: nothing is known
    ├── UnreadableCopiesError    no visitor without a key sees the copies                  exit 1
    └── ImageError               one image; carries its ErrorKind and a detail
        ├── BucketRefusesError   our own bucket does not take it, and would not another time: final
        ├── RejectedImageError   answered, but not an image that may be kept: final
        └── TruncatedImageError  the bytes stop early: worth another try
            └── DamagedImageError  it shows, but the same bytes must come again to be kept
"""

from __future__ import annotations

from collections.abc import Sequence

from scraper.base.errors import ErrorKind, ListingMirrorError
from scraper.base.suggestion import known_ones, suggestion


class MigrateError(ListingMirrorError):
    """Base of everything the migration raises."""


class UsageError(MigrateError):
    """Options that contradict each other, or that name something which does not exist."""

    exit_code = 2


class UnknownDealerError(UsageError):
    """No dealer of that name; the message names the nearest that there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        others = known_ones(name, self.known, what="dealers", lists="scrape dealers")
        super().__init__(
            f"There is no dealer named {name!r}.{suggestion(name, known)} {others} "
            "Add one with `scrape dealers add NAME URL`."
        )


class UnknownListingError(UsageError):
    """No listing of that number."""

    def __init__(self, listing_id: int) -> None:
        self.listing_id = listing_id
        super().__init__(f"There is no listing {listing_id}: the number is `listings.id`.")


class ReportNotWrittenError(MigrateError):
    """The file of the report cannot be written; nothing was left behind."""


class BucketUnlistedError(MigrateError):
    """Which objects the bucket holds cannot be read, so nothing can be said about extra ones."""

    def __init__(self) -> None:
        super().__init__(
            "The database does not show the bucket's objects (table storage.objects): "
            "apply the migrations again with a role that may read it (supabase db push --linked)."
        )


class StorageDownError(MigrateError):
    """Our storage failed for so long that going on cannot succeed; no image is to blame."""


class LocalDiskError(MigrateError):
    """The temporary folder of this machine cannot take more bytes; no image is to blame."""


class RunStoppedError(MigrateError):
    """The run was asked to end while something waited; nothing is known about the image."""


class ImageError(MigrateError):
    """One image cannot be stored as it came; `kind` says why in the closed set of kinds."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(detail)


class UnreadableCopiesError(MigrateError):
    """The bucket is not there or not public, or no copy can be had without a key."""


class BucketRefusesError(ImageError):
    """A limit of our own bucket stands against this image, until somebody changes the limit."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorKind.STORAGE_REJECTED, detail)


class RejectedImageError(ImageError):
    """The source answered, but not with an image that may be kept (final)."""


class TruncatedImageError(ImageError):
    """The bytes begin like an image and stop early (worth another try)."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorKind.TRUNCATED, detail)


class DamagedImageError(TruncatedImageError):
    """A picture that shows though something is missing; `sha256` is of the bytes that came.

    They are kept when the dealer has nothing better, which only the same bytes at another time tell
    from damage on the way.
    """

    def __init__(self, detail: str, sha256: str) -> None:
        self.sha256 = sha256
        super().__init__(detail)
