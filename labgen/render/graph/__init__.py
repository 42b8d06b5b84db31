"""The picture of a lab, as text: Mermaid, DOT, SVG or an HTML page. Pure: same plan, same bytes."""
