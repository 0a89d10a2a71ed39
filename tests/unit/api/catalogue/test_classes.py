from epochal_api.catalogue.classes import catalogue, document


def test_aliases_lead_to_classes_of_the_same_module() -> None:
    for module in catalogue().modules.values():
        assert all(each.alias is None or each.alias in module.classes for each in module.classes.values())
        assert all(name is None or name in module.classes for name in module.names.values())


def test_order_and_defaults_of_arguments() -> None:
    conv = catalogue().modules["keras.layers"].classes["Conv2D"]
    assert list(conv.arguments)[:4] == ["filters", "kernel_size", "strides", "padding"]
    assert conv.arguments["filters"].required
    assert conv.arguments["strides"].default == [1, 1]
    assert conv.group == "convolutional"


def test_catalogue_has_no_sentences_of_keras() -> None:
    allowed = {"refused", "alias", "group", "adapted", "arguments"}
    for module in document()["modules"].values():
        for each in module["classes"].values():
            assert each.keys() <= allowed
            for argument in each.get("arguments", {}).values():
                assert argument.keys() <= {"required", "default", "type", "float", "loose"}
