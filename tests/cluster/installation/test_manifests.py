"""The manifests of the package are fitted to a cluster."""

import pytest

from ipa.cluster.installation.manifests import Placement, overlay_names, read_manifests
from ipa.cluster.installation.marks import is_marked
from ipa.cluster.kinds import Object, kind_of
from ipa.errors import InvalidValueError, UnknownNameError


def named(objects: list[Object], kind: str, name: str) -> list[Object]:
    return [one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]


@pytest.mark.parametrize("overlay", overlay_names())
def test_the_client_knows_every_kind_and_every_object_says_whose_it_is(overlay: str) -> None:
    objects = read_manifests(overlay, Placement(image="me/ipa:1"))
    assert len(objects) > 15
    assert len({kind_of(one) for one in objects}) > 8
    assert all(is_marked(one) for one in objects)


def test_the_controller_goes_where_it_is_told_and_its_rights_with_it() -> None:
    objects = read_manifests("cluster", Placement("platform", ("default",), "me/ipa:1"))
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"] == ["platform"]
    (deployment,) = named(objects, "Deployment", "ipa-controller")
    assert deployment["metadata"]["namespace"] == "platform"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "me/ipa:1"
    assert {"name": "IPA_IMAGE", "value": "me/ipa:1"} in container["env"]
    for kind, name in (("ClusterRoleBinding", "ipa-controller"), ("RoleBinding", "ipa-pipelines")):
        (binding,) = named(objects, kind, name)
        assert [one["namespace"] for one in binding["subjects"]] == ["platform"]


def test_every_namespace_that_takes_pipelines_gets_its_accounts_and_policies() -> None:
    one, three = (
        read_manifests("cluster", Placement(pipelines=namespaces, image="me/ipa:1"))
        for namespaces in (("default",), ("a", "b", "c"))
    )
    per_namespace = [thing for thing in one if thing["metadata"].get("namespace") == "default"]
    assert len(three) == len(one) + 2 * len(per_namespace)
    bindings = named(three, "RoleBinding", "ipa-gateways")
    assert [(one["metadata"]["namespace"], one["subjects"][0]["namespace"]) for one in bindings] == [
        (name, name) for name in "abc"
    ]
    assert not any(thing["metadata"].get("namespace") == "default" for thing in three)


def test_an_image_is_asked_for_where_none_can_be_known() -> None:
    with pytest.raises(InvalidValueError, match=r"overlay cluster needs an image .* give it: --image"):
        read_manifests("cluster", Placement())
    assert read_manifests("testcluster", Placement())


def test_the_definition_alone_needs_no_image() -> None:
    objects = read_manifests("cluster", Placement(), definition_only=True)
    assert [one["metadata"]["name"] for one in objects] == ["inferencepipelines.ipa.dev"]


def test_an_overlay_that_does_not_exist_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown overlay 'kinb'; allowed: .*Did you mean 'kind'"):
        read_manifests("kinb", Placement())
