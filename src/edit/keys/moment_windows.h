#pragma once
// The corpus of second moments: windows of tokens, in which order they are read, and how they are dealt to blocks. All
// of it depends on the corpus and the options alone, never on the number of ranks.

#include "text/tokenizer.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::edit {

using Window = std::vector<text::TokenId>;

struct WindowCut {
    std::int64_t length = 512;  // tokens, BOS included
    std::int64_t skip = 0;      // tokens left out at the beginning of the order, whole windows
    std::int64_t tokens = 0;    // tokens taken behind them, 0 = the rest; the last window is shortened to fit
    std::uint64_t seed = 0;     // of the order
};

// Windows of all documents in an order drawn by the seed, so that any part of it is a sample of the whole corpus.
std::vector<Window> cut_windows(const std::vector<std::string>& documents, const text::Tokenizer& tokenizer,
                                const WindowCut& cut);
// Windows of running text and of sentences as one order, drawn by the seed.
struct MixedWindows {
    std::vector<Window> windows;
    std::vector<bool> is_sentence;  // parallel
};
MixedWindows mix_windows(std::vector<Window> text, std::vector<Window> sentences, std::uint64_t seed);
std::int64_t count_tokens(std::span<const Window> windows);
// SHA-256 over the ids: what a file of moments was gathered from.
std::string windows_digest(std::span<const Window> windows);

// Windows [begin, end) of the order.
struct WindowRange {
    std::size_t begin = 0, end = 0;
};
// Where the pass looks whether it may stop: ranges of `first` tokens, then as many as all before, and so on. first = 0:
// one range that holds everything.
std::vector<WindowRange> cut_rounds(std::span<const Window> windows, std::int64_t first);

// One block: indices into the windows, longest first.
using WindowGroup = std::vector<std::size_t>;
// Deals the windows of a range to at most `groups` blocks in turn, longest first, so that their work is alike; fewer
// where a block would hold less than `tokens_a_group`.
std::vector<WindowGroup> deal_windows(std::span<const Window> windows, WindowRange range, std::int64_t groups,
                                      std::int64_t tokens_a_group);

// Windows side by side, padded on the right.
struct WindowBatch {
    at::Tensor ids;   // [window, position] int64
    at::Tensor mask;  // [window, position] bool; undefined where nothing is padded
};
// A group in batches of at most `tokens` positions, padding included (one window at least).
std::vector<WindowBatch> batch_windows(std::span<const Window> windows, const WindowGroup& group, std::int64_t tokens);

}  // namespace nepenthe::edit
