#include "edit/keys/moment_windows.h"

#include "base/hash.h"
#include "base/random.h"
#include "text/corpus.h"

#include <torch/types.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace nepenthe::edit {

std::vector<Window> cut_windows(const std::vector<std::string>& documents, const text::Tokenizer& tokenizer,
                                const WindowCut& cut) {
    text::Corpus corpus =
        text::make_corpus(documents, tokenizer, {.length = cut.length, .bos = true, .keep_tail = true});
    std::vector<Window> chosen;
    std::int64_t skipped = 0, taken = 0;
    for (const std::uint64_t index :
         random_permutation(corpus.blocks.size(), RandomStream(cut.seed, "stats.windows", 0))) {
        Window& window = corpus.blocks[index].ids;
        if (skipped < cut.skip) {
            skipped += std::ssize(window);
            continue;
        }
        if (cut.tokens > 0) window.resize(std::min(window.size(), static_cast<std::size_t>(cut.tokens - taken)));
        taken += std::ssize(window);
        chosen.push_back(std::move(window));
        if (taken == cut.tokens) break;
    }
    return chosen;
}

MixedWindows mix_windows(std::vector<Window> text, std::vector<Window> sentences, std::uint64_t seed) {
    MixedWindows mixed;
    const std::size_t first_sentence = text.size();
    if (sentences.empty()) return {std::move(text), std::vector<bool>(first_sentence, false)};
    std::move(sentences.begin(), sentences.end(), std::back_inserter(text));
    for (const std::uint64_t index : random_permutation(text.size(), RandomStream(seed, "stats.sentences", 0))) {
        mixed.is_sentence.push_back(index >= first_sentence);
        mixed.windows.push_back(std::move(text[index]));
    }
    return mixed;
}

std::int64_t count_tokens(std::span<const Window> windows) {
    std::int64_t count = 0;
    for (const Window& window : windows) count += std::ssize(window);
    return count;
}

std::string windows_digest(std::span<const Window> windows) {
    Sha256 hash;
    for (const Window& window : windows) {
        const std::uint64_t count = window.size();
        hash.update(std::as_bytes(std::span(&count, 1))).update(std::as_bytes(std::span(window)));
    }
    return hash.hex();
}

std::vector<WindowRange> cut_rounds(std::span<const Window> windows, std::int64_t first) {
    std::vector<WindowRange> rounds;
    std::size_t begin = 0;
    std::int64_t seen = 0, goal = first;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        seen += std::ssize(windows[i]);
        if (first > 0 && seen >= goal) {
            rounds.push_back({begin, i + 1});
            begin = i + 1;
            goal = 2 * seen;
        }
    }
    if (begin < windows.size()) rounds.push_back({begin, windows.size()});
    return rounds;
}

std::vector<WindowGroup> deal_windows(std::span<const Window> windows, WindowRange range, std::int64_t groups,
                                      std::int64_t tokens_a_group) {
    std::vector<std::size_t> order(range.end - range.begin);
    std::iota(order.begin(), order.end(), range.begin);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return windows[a].size() > windows[b].size(); });
    const std::int64_t tokens = count_tokens(windows.subspan(range.begin, range.end - range.begin));
    const auto count = static_cast<std::size_t>(
        std::max<std::int64_t>(1, std::min({groups, tokens / tokens_a_group, std::ssize(order)})));
    std::vector<WindowGroup> dealt(count);
    for (std::size_t i = 0; i < order.size(); ++i) dealt[i % count].push_back(order[i]);
    return dealt;
}

std::vector<WindowBatch> batch_windows(std::span<const Window> windows, const WindowGroup& group, std::int64_t tokens) {
    std::vector<WindowBatch> batches;
    for (std::size_t begin = 0; begin < group.size();) {
        const std::int64_t longest = std::ssize(windows[group[begin]]);
        const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(1, tokens / longest));
        const std::size_t end = std::min(group.size(), begin + rows);
        WindowBatch batch{at::zeros({static_cast<std::int64_t>(end - begin), longest}, at::kLong), {}};
        at::Tensor mask = at::zeros(batch.ids.sizes(), at::kBool);
        for (std::size_t i = begin; i < end; ++i) {
            const Window& window = windows[group[i]];
            const auto row = static_cast<std::int64_t>(i - begin);
            std::copy(window.begin(), window.end(), batch.ids.mutable_data_ptr<std::int64_t>() + row * longest);
            mask.select(0, row).narrow(0, 0, std::ssize(window)).fill_(true);
        }
        if (windows[group[end - 1]].size() < static_cast<std::size_t>(longest)) batch.mask = mask;
        batches.push_back(std::move(batch));
        begin = end;
    }
    return batches;
}

}  // namespace nepenthe::edit
