"""A tiny model for llama.cpp's server that says what a test wants, word by word.

Its attention adds nothing, so that each token says which one is next: the last one of the prompt,
which the chat template chooses by what was asked, begins one of a few fixed answers. Everything
else is real: the file, the server, its template, its parsing of calls, its stream.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

SAYS = {
    "<|call|>": (
        "<tool_call>", '\n{"name": "search", ', '"arguments": {"query": ', '"a panda"}}\n',
        "</tool_call>",
    ),
    "<|answer|>": ("There", " is one", " panda", ". It was", " painted by", " Rembrandt", "."),
    "<|sing|>": ("la", " la"),
}  # fmt: skip
"""What follows each first token: a call, where there are tools; an answer, to what a tool found
too; for ever the same, where it is to "sing"."""

TEMPLATE = (
    "{%- if tools %}<tools>{% for tool in tools %}{{ tool.function.name }}\n{% endfor %}</tools>"
    "Call as <tool_call>\n{\"name\": NAME, \"arguments\": OBJECT}\n</tool_call>{% endif %}"
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{%- if message.tool_calls %}{% for call in message.tool_calls %}"
    "<tool_call>\n{\"name\": \"{{ call.function.name }}\", "
    "\"arguments\": {{ call.function.arguments | tojson }}}\n</tool_call>"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if 'sing ' in messages[-1].content %}<|sing|>"
    "{%- elif messages[-1].role == 'tool' or not tools %}<|answer|>"
    "{%- else %}<|call|>{% endif %}{% endif %}"
)  # fmt: skip

WIDTH = 64


def tiny_talker(path: Path, context: int = 8192) -> Path:
    """Write the model, of the architecture "llama", with a layer whose weights are zero."""
    kinds = gguf.TokenType
    pieces = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    pieces += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    pieces += [(sign, kinds.CONTROL) for sign in ("<|im_start|>", "<|im_end|>", *SAYS)]
    pieces += [(word, kinds.USER_DEFINED) for words in SAYS.values() for word in words]
    numbers = {piece: number for number, (piece, _) in enumerate(pieces)}
    said = np.zeros((len(pieces), WIDTH), np.float32)
    heard = np.zeros((len(pieces), WIDTH), np.float32)
    places = iter(range(WIDTH))
    for first, words in SAYS.items():
        tokens = [numbers[one] for one in (first, *words)]
        ends = tokens[1] if first == "<|sing|>" else numbers["</s>"]
        for token, follower in zip(tokens, [*tokens[1:], ends], strict=True):
            place = next(places)
            heard[token, place] = said[follower, place] = 1
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, pieces, context)
    ones, none = np.ones(WIDTH, np.float32), np.zeros((WIDTH, WIDTH), np.float32)
    writer.add_tensor("token_embd.weight", heard)
    writer.add_tensor("output.weight", said)
    writer.add_tensor("output_norm.weight", ones)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", none)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: Any, pieces: list[tuple[str, Any]], context: int) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([piece for piece, _ in pieces])
    writer.add_token_scores([0.0] * len(pieces))
    writer.add_token_types([kind for _, kind in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
