"""The static proof: rendered files in, what they let pass against what the documents say out.

It reads the rendered texts alone and knows nothing of the code that wrote them, so that the two can disagree.
"""
