// The classes in the first output of a model.

/** Returns whether an output has a number for each class. JSON has null for NaN, which belongs to no class. */
export function hasClasses({ name }, values, model) {
  return Boolean(model.class_values) && name === model.outputs[0].name && values.every(Number.isFinite);
}

/** Returns the value of each class of a sample. A single value is the probability of the second of two classes. */
export const classValues = (values) => (values.length === 1 ? [1 - values[0], values[0]] : values);

/** Returns the name of a class, or its index if the classes have no names. */
export const className = (index, { classes }) => classes?.[index] ?? String(index);

/** Returns the prediction for a sample in the form of /predict, with all classes in descending order. */
export function prediction(values, model) {
  const top = values.map((value, index) => ({ name: className(index, model), [model.class_values]: value }));
  top.sort((one, other) => other[model.class_values] - one[model.class_values]);
  return { ...top[0], top };
}
