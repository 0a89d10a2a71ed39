// The draft of a stored run. A run that has begun cannot change: its draft becomes a new run. Pure.
import { epochalNames } from "../../parts/actions/epochalNames";
import { copyName, versionOf } from "../../parts/actions/requests";
import { seenMetadata } from "../../parts/actions/seenMetadata";
import { textField } from "../run/objectFields";
import type { RunDetail } from "../../wire";
import { contentOf, edit, set } from "./document";
import type { Draft, Version } from "./draft";

/** Whether the pods of a run have begun, so that its spec is fixed. */
export function hasBegun({ object }: RunDetail): boolean {
  return textField(object, "status.startTime") !== null;
}

/**
 * Returns the draft of a stored run.
 *
 * @param kept - The draft of this browser: it goes on if the user has changed it, or the stored run is the same.
 */
export function storedDraft(detail: RunDetail, kept: Draft | null): Draft {
  const { kind, namespace, name } = detail.summary;
  const version = versionIn(detail.object);
  const isKept = kept !== null && (kept.isEdited || isSame(kept.stored, version));
  if (hasBegun(detail)) {
    // Changes that the user made before the run began go into the new run.
    if (isKept && kept.isEdited) return { ...kept, text: kept.stored ? renamed(kept.text, name) : kept.text, stored: null };
    return { text: renamed(detail.yaml, name), isEdited: false, stored: null, earlierSearch: null };
  }
  if (isKept) return kept;
  return { text: detail.yaml, isEdited: false, stored: { key: { kind, namespace, name }, ...version, object: shownParts(detail.object) }, earlierSearch: null };
}

/** Returns the document of a new run beside the one that has begun. */
function renamed(text: string, begun: string): string {
  return edit(asNew(text), (document) => {
    if (document.getIn(["metadata", "name"]) === begun) set(document, ["metadata", "name"], copyName(begun));
    set(document, ["spec", "suspend"], true);
    set(document, ["spec", "finish"], undefined);
  });
}

/** Returns the document of a new object: a copy of a trial is no trial of its Experiment. */
export function asNew(text: string): string {
  const names = epochalNames(contentOf(text));
  return names.length === 0 ? text : edit(text, (document) => names.forEach((path) => set(document, path, undefined)));
}

/** Returns the version of an object of the API server. */
export function versionIn(object: Record<string, unknown>): Version {
  const { resourceVersion, generation = 0 } = versionOf(object);
  return { resourceVersion, generation, uid: textField(object, "metadata.uid") ?? "", metadata: seenMetadata(object) };
}

function isSame(stored: Version | null, version: Version): boolean {
  return stored !== null && stored.uid === version.uid && stored.generation === version.generation;
}

/** Returns the parts of an object that users change: the status is large, and no part of a conflict. */
function shownParts({ spec, metadata }: Record<string, unknown>): Record<string, unknown> {
  return { spec, metadata };
}
