"""The names of HTML and SVG elements.

Owns: which there are (HTML living standard and SVG 2, as react-dom 19.3 knows them), and finding one by attribute. Refuses to
know: props and children.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from flightwire.errors import InvalidArgumentError
from flightwire.markup import Tag, VoidTag
from flightwire.props import camel_case

_CUSTOM: Final = re.compile(r"[a-z][a-z0-9._]*(-[a-z0-9._]*)+\Z")  # custom elements have a hyphen


class Html:
    """Every HTML and SVG element by its name in snake_case: `html.div`, `html.linear_gradient`, `html.del_`.

    Custom elements have a hyphen in their names: `html["my-clock"](zone="UTC")`.
    """

    # HTML
    a: Tag
    abbr: Tag
    address: Tag
    area: VoidTag
    article: Tag
    aside: Tag
    audio: Tag
    b: Tag
    base: VoidTag
    bdi: Tag
    bdo: Tag
    big: Tag
    blockquote: Tag
    body: Tag
    br: VoidTag
    button: Tag
    canvas: Tag
    caption: Tag
    cite: Tag
    code: Tag
    col: VoidTag
    colgroup: Tag
    data: Tag
    datalist: Tag
    dd: Tag
    del_: Tag
    details: Tag
    dfn: Tag
    dialog: Tag
    div: Tag
    dl: Tag
    dt: Tag
    em: Tag
    embed: VoidTag
    fieldset: Tag
    figcaption: Tag
    figure: Tag
    footer: Tag
    form: Tag
    h1: Tag
    h2: Tag
    h3: Tag
    h4: Tag
    h5: Tag
    h6: Tag
    head: Tag
    header: Tag
    hgroup: Tag
    hr: VoidTag
    html: Tag
    i: Tag
    iframe: Tag
    img: VoidTag
    input: VoidTag
    ins: Tag
    kbd: Tag
    label: Tag
    legend: Tag
    li: Tag
    link: VoidTag
    main: Tag
    map: Tag
    mark: Tag
    menu: Tag
    menuitem: Tag
    meta: VoidTag
    meter: Tag
    nav: Tag
    noscript: Tag
    object: Tag
    ol: Tag
    optgroup: Tag
    option: Tag
    output: Tag
    p: Tag
    param: VoidTag
    picture: Tag
    pre: Tag
    progress: Tag
    q: Tag
    rp: Tag
    rt: Tag
    ruby: Tag
    s: Tag
    samp: Tag
    script: Tag
    search: Tag
    section: Tag
    select: Tag
    selectedcontent: Tag
    slot: Tag
    small: Tag
    source: VoidTag
    span: Tag
    strong: Tag
    style: Tag
    sub: Tag
    summary: Tag
    sup: Tag
    table: Tag
    tbody: Tag
    td: Tag
    template: Tag
    textarea: Tag
    tfoot: Tag
    th: Tag
    thead: Tag
    time: Tag
    title: Tag
    tr: Tag
    track: VoidTag
    u: Tag
    ul: Tag
    var: Tag
    video: Tag
    wbr: VoidTag

    # SVG
    animate: Tag
    animate_motion: Tag
    animate_transform: Tag
    circle: Tag
    clip_path: Tag
    defs: Tag
    desc: Tag
    ellipse: Tag
    fe_blend: Tag
    fe_color_matrix: Tag
    fe_component_transfer: Tag
    fe_composite: Tag
    fe_convolve_matrix: Tag
    fe_diffuse_lighting: Tag
    fe_displacement_map: Tag
    fe_distant_light: Tag
    fe_drop_shadow: Tag
    fe_flood: Tag
    fe_func_a: Tag
    fe_func_b: Tag
    fe_func_g: Tag
    fe_func_r: Tag
    fe_gaussian_blur: Tag
    fe_image: Tag
    fe_merge: Tag
    fe_merge_node: Tag
    fe_morphology: Tag
    fe_offset: Tag
    fe_point_light: Tag
    fe_specular_lighting: Tag
    fe_spot_light: Tag
    fe_tile: Tag
    fe_turbulence: Tag
    filter: Tag
    foreign_object: Tag
    g: Tag
    image: Tag
    line: Tag
    linear_gradient: Tag
    marker: Tag
    mask: Tag
    metadata: Tag
    mpath: Tag
    path: Tag
    pattern: Tag
    polygon: Tag
    polyline: Tag
    radial_gradient: Tag
    rect: Tag
    set: Tag
    stop: Tag
    svg: Tag
    switch: Tag
    symbol: Tag
    text: Tag
    text_path: Tag
    tspan: Tag
    use: Tag
    view: Tag

    def __getitem__(self, name: str) -> Tag:
        """A custom element, or any other by its name in HTML or SVG: `html["my-clock"]`, `html["linearGradient"]`.

        Raises:
            InvalidArgumentError: there is no such element.
        """
        if _CUSTOM.match(name):
            return Tag(name)
        attribute = _ATTRIBUTES.get(name)
        if attribute is None:
            raise InvalidArgumentError(f"there is no element <{name}>.{_meant(name)}")
        return _made(attribute)

    if not TYPE_CHECKING:  # type checkers know the names above, and find misspelt ones

        def __getattr__(self, name: str) -> Tag:
            """A tag, made when it is first asked for."""
            if name in _NAMES:
                made = _made(name)
            elif name in _ATTRIBUTES and not name.startswith(
                "_"
            ):  # `html.linearGradient`, as React writes it
                made = _made(_ATTRIBUTES[name])
            else:
                raise AttributeError(f"html has no element '{name}'.{_meant(name)}")
            setattr(self, name, made)
            return made

    def __dir__(self) -> list[str]:
        """The names of all elements."""
        return sorted(_NAMES)

    def __repr__(self) -> str:
        """`html`."""
        return "html"


_NAMES: Final = frozenset(Html.__annotations__)
_ATTRIBUTES: Final = {camel_case(name.rstrip("_")): name for name in _NAMES}


def _made(attribute: str) -> Tag:
    kind = VoidTag if Html.__annotations__[attribute] == "VoidTag" else Tag
    return kind(camel_case(attribute.rstrip("_")))


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(_NAMES), n=1)
    hint = f" Did you mean html.{close[0]}?" if close else ""
    return f"{hint} Custom elements are written html['my-element']."


html: Final = Html()
