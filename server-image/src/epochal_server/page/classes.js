// The classes in an output of a model.

/** Returns whether an output has a number for each class. JSON has null for NaN, which belongs to no class. */
export function hasClasses({ class_values }, values) {
  return Boolean(class_values) && values.every(Number.isFinite);
}

/** Returns the value of each class of a sample. A single value is the probability of the second of two classes. */
export const classValues = (values) => (values.length === 1 ? [1 - values[0], values[0]] : values);

/** Returns the name of a class, or its index if the classes have no names. */
export const className = (index, { classes }) => classes?.[index] ?? String(index);

/** Returns the prediction for a sample in the form of /predict, with all classes in descending order. */
export function prediction(values, output) {
  const top = values.map((value, index) => ({ name: className(index, output), [output.class_values]: value }));
  top.sort((one, other) => other[output.class_values] - one[output.class_values]);
  return { ...top[0], top };
}
