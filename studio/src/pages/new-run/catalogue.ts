// The names of Keras classes, as suggestions of inputs. The check of the back end decides which ones are right.
import { useCatalogue } from "../modeler/catalogue";

/** Returns the names of the classes of a module, such as keras.losses; empty until they are there. */
export function useClasses(module: string): string[] {
  const { catalogue } = useCatalogue();
  const classes = catalogue?.modules[module]?.classes ?? {};
  // Some classes are only bases of others, or need code: the catalogue has the reason.
  return Object.entries(classes).flatMap(([name, about]) => ("refused" in about ? [] : [name]));
}
