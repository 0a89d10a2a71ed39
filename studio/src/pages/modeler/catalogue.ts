// The classes of Keras with their arguments, as the back end has them: catalogue.json of epochal_api.
import { useEffect, useState } from "react";
import type { Json } from "../../modeler/json";
import { isAbort, problemOf, request } from "../../api/client";
import { useIsSignedOut } from "../../api/session";
import type { ClassText, Problem } from "../../wire";

export interface Argument {
  required?: boolean;
  default?: Json;
  /** Absent if Keras' documentation does not agree about it. */
  type?: string;
}

export interface KerasClass {
  /** Why a TrainingJob cannot use it. */
  refused?: string;
  /** The class of which it is another name. */
  alias?: string;
  group?: string;
  arguments?: Record<string, Argument>;
}

export interface KerasModule {
  /** Short names, each with its class or null for a function. */
  names: Record<string, string | null>;
  classes: Record<string, KerasClass>;
}

export interface Catalogue {
  keras: string;
  modules: Record<string, KerasModule>;
}

export const LAYERS = "keras.layers";
export const LOSSES = "keras.losses";
export const METRICS = "keras.metrics";
export const OPTIMIZERS = "keras.optimizers";

/** A class under its own name. */
export interface FoundClass {
  name: string;
  arguments: Record<string, Argument>;
}

/** Returns the class of a name, a short name or an alias; undefined if the module has none that a TrainingJob may use. */
export function findClass(catalogue: Catalogue, module: string, name: string): FoundClass | undefined {
  const { names, classes } = catalogue.modules[module] ?? { names: {}, classes: {} };
  const own = has(classes, name) ? name : has(names, name) ? names[name] : undefined;
  if (!own) return undefined;
  const found = classes[own];
  const target = found?.alias ?? own;
  const result = classes[target];
  return result?.arguments ? { name: target, arguments: result.arguments } : undefined;
}

function has(record: object, name: string): boolean {
  return Object.hasOwn(record, name);
}

/** Returns the classes of a module that a TrainingJob may use, each once, by name. */
export function usableClasses(catalogue: Catalogue, module: string): string[] {
  const classes = catalogue.modules[module]?.classes ?? {};
  return Object.keys(classes).filter((name) => classes[name]?.arguments !== undefined).sort();
}

/** Returns the functions of a module by their short names, such as the activations. */
export function functionNames(catalogue: Catalogue, module: string): string[] {
  const names = catalogue.modules[module]?.names ?? {};
  return Object.keys(names).filter((name) => names[name] === null).sort();
}

/** Returns the short name of a class in small letters, such as glorot_uniform; undefined without one. */
export function shortName(catalogue: Catalogue, module: string, name: string): string | undefined {
  const names = catalogue.modules[module]?.names ?? {};
  return Object.keys(names).find((short) => names[short] === name && short === short.toLowerCase());
}

let cached: Promise<Catalogue> | undefined;

/** Returns the catalogue; it is requested once for a load of the page, because it is of one version of Studio. */
export function loadCatalogue(): Promise<Catalogue> {
  cached ??= request<Catalogue>("/api/catalogue").catch((error: unknown) => {
    cached = undefined;
    throw error;
  });
  return cached;
}

/** For tests. */
export function forgetCatalogue(): void {
  cached = undefined;
}

export interface CatalogueState {
  catalogue: Catalogue | undefined;
  problem: Problem | undefined;
  retry: () => void;
}

export function useCatalogue(): CatalogueState {
  const [catalogue, setCatalogue] = useState<Catalogue>();
  const [problem, setProblem] = useState<Problem>();
  const [tries, setTries] = useState(0);
  const isSignedOut = useIsSignedOut();
  useEffect(() => {
    let isWanted = true;
    if (isSignedOut) return undefined;
    loadCatalogue().then(
      (found) => {
        if (!isWanted) return;
        setCatalogue(found);
        setProblem(undefined);
      },
      (error: unknown) => isWanted && setProblem(problemOf(error)),
    );
    return () => {
      isWanted = false;
    };
  }, [tries, isSignedOut]);
  return { catalogue, problem, retry: () => setTries((count) => count + 1) };
}

/** Returns the docstring of a class after it is wanted. */
export function useClassText(module: string, name: string, isWanted: boolean): { text: string | undefined; problem: Problem | undefined } {
  const [found, setFound] = useState<{ key: string; text?: string; problem?: Problem }>();
  const key = `${module}/${name}`;
  useEffect(() => {
    if (!isWanted) return undefined;
    const abort = new AbortController();
    request<ClassText>(`/api/catalogue/${encodeURIComponent(module)}/${encodeURIComponent(name)}`, { signal: abort.signal }).then(
      ({ text, problem }) => setFound({ key, text, ...(problem ? { problem } : {}) }),
      (error: unknown) => {
        if (!isAbort(error)) setFound({ key, problem: problemOf(error) });
      },
    );
    return () => abort.abort();
  }, [module, name, key, isWanted]);
  return found?.key === key ? { text: found.text, problem: found.problem } : { text: undefined, problem: undefined };
}
