#include "edit/trace/trace_fact.h"

#include "base/error.h"
#include "model/token_scores.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

namespace nepenthe::edit {

namespace {

// Positions scored together: always as many, so that a state gives the same bits whatever it is scored with.
constexpr std::int64_t kScoredTogether = 256;

// Changes what attention or the MLP wrote, [row, position, hidden], in place.
using Change = std::function<void(at::Tensor& output)>;

at::Tensor run_block(const model::Decoder& decoder, std::int64_t layer, const at::Tensor& hidden,
                     const model::Context& context, const Change& attention, const Change& mlp) {
    if (!attention && !mlp) return decoder.block(layer, hidden, context);
    at::Tensor stream;
    if (attention) {
        at::Tensor output = decoder.attention_output(layer, hidden, context);
        attention(output);
        stream = decoder.with_attention(layer, hidden, output);
    } else {
        stream = decoder.after_attention(layer, hidden, context);
    }
    at::Tensor output = decoder.mlp_output(layer, decoder.mlp_key(layer, hidden, stream));
    if (mlp) mlp(output);
    return decoder.after_mlp(layer, stream, output);
}

// The clean run (row 0) and the corrupted ones (rows from 1 on), layer by layer: each [1 + copies, position, hidden].
struct Recording {
    std::vector<at::Tensor> hidden;  // input of every block, and the last one's output
    std::vector<at::Tensor> attention, mlp;
    model::KvCache corrupted;  // of the corrupted rows

    std::int64_t layers() const { return std::ssize(mlp); }
    std::int64_t copies() const { return hidden[0].size(0) - 1; }
    std::int64_t positions() const { return hidden[0].size(1); }
};

Recording record(const model::Decoder& decoder, const TraceTokens& tokens, const at::Tensor& noise) {
    const std::int64_t copies = noise.size(0), layers = decoder.config().layers;
    const at::Tensor ids = at::tensor(std::vector<std::int64_t>(tokens.ids.begin(), tokens.ids.end()), at::kLong)
                               .to(decoder.device())
                               .unsqueeze(0)
                               .expand({1 + copies, -1})
                               .contiguous();
    model::KvCache cache(layers);
    const model::Context context = decoder.context({ids, {}}, &cache);
    at::Tensor hidden = decoder.embed(ids, context);
    const std::int64_t subject = tokens.subject.end - tokens.subject.begin;
    hidden.narrow(0, 1, copies)
        .narrow(1, tokens.subject.begin, subject)
        .add_(noise.to(hidden.device(), hidden.scalar_type()));
    Recording run{{hidden}, {}, {}, model::KvCache(layers)};
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        hidden = run_block(
            decoder, layer, hidden, context, [&](at::Tensor& output) { run.attention.push_back(output); },
            [&](at::Tensor& output) { run.mlp.push_back(output); });
        run.hidden.push_back(hidden);
    }
    run.corrupted = cache.select(at::arange(1, 1 + copies, ids.options()));
    run.corrupted.freeze();
    return run;
}

// Collects last states and scores them all at once.
class AnswerScores {
  public:
    // Rows [row, hidden] of last positions; returns where their probabilities will stand.
    std::int64_t add(const at::Tensor& rows) {
        rows_.push_back(rows);
        return std::exchange(count_, count_ + rows.size(0));
    }

    void score(const model::Decoder& decoder, text::TokenId answer) {
        at::Tensor states = decoder.final_norm(at::cat(rows_));
        const std::int64_t padding = (kScoredTogether - count_ % kScoredTogether) % kScoredTogether;
        if (padding > 0) states = at::cat({states, at::zeros({padding, states.size(1)}, states.options())});
        const at::Tensor targets = at::full({kScoredTogether}, answer, states.options().dtype(at::kLong));
        for (std::int64_t first = 0; first < count_; first += kScoredTogether) {
            const at::Tensor logs =
                model::score_tokens(decoder, states.narrow(0, first, kScoredTogether), targets).log_probabilities.cpu();
            for (std::int64_t i = 0; i < kScoredTogether; ++i) {
                // Rounded to fp32, so that the mean of equal values is this value.
                probabilities_.push_back(std::exp(logs.const_data_ptr<float>()[i]));
            }
        }
    }

    double mean(std::int64_t first, std::int64_t count) const {
        double sum = 0;
        for (std::int64_t i = first; i < first + count; ++i)
            sum += static_cast<double>(probabilities_[static_cast<std::size_t>(i)]);
        return sum / static_cast<double>(count);
    }

  private:
    std::vector<at::Tensor> rows_;
    std::vector<float> probabilities_;
    std::int64_t count_ = 0;
};

// Restored runs of one token: all rows of a tensor are positions from the token on, a run being `copies` rows.
class TokenRuns {
  public:
    TokenRuns(const model::Decoder& decoder, const Recording& recording, const std::vector<text::TokenId>& ids,
              std::int64_t token)
        : decoder_(decoder), recording_(recording), token_(token), cache_(recording.corrupted.prefix(token)) {
        const std::vector<std::int64_t> rest(ids.begin() + token, ids.end());
        context_ = decoder.context({at::tensor(rest, at::kLong).to(decoder.device()).unsqueeze(0), {}}, &cache_);
    }

    // Runs of all layers.
    struct Restored {
        at::Tensor ends;                   // last positions, [run · copy, hidden]
        std::vector<std::int64_t> run_of;  // [layer]: the run of its cell
    };
    // The run of a cell that leaves the answer as it is in the corrupted run.
    static constexpr std::int64_t kCorrupted = -1;

    // What is clean around every layer in turn: states, the block's output there; MLP and attention, their outputs in a
    // window. With `severed`, the outputs of that kind stay afterwards at the token what they were in the corrupted
    // run. Windows that begin alike (clipped at the first layer) are one run until one of them ends.
    Restored restore(TraceKind kind, std::int64_t width, std::optional<TraceKind> severed = std::nullopt) const {
        const std::int64_t layers = recording_.layers();
        struct Window {
            std::int64_t begin, end;
        };
        std::vector<Window> windows;
        for (std::int64_t layer = 0; layer < layers; ++layer) {
            windows.push_back(kind == TraceKind::kState ? Window{layer, layer + 1}
                                                        : Window{std::max<std::int64_t>(0, layer - width / 2),
                                                                 std::min(layers, layer + width - width / 2)});
        }
        at::Tensor hidden;
        std::vector<at::Tensor> ends;
        std::vector<std::vector<std::int64_t>> members;  // centres that share a run
        for (std::int64_t layer = 0; layer < layers; ++layer) {
            const bool is_last = layer + 1 == layers;
            fork(members, hidden,
                 [&](std::int64_t centre) { return windows[static_cast<std::size_t>(centre)].end <= layer; });
            if (hidden.defined()) {
                const Change clean = [&](at::Tensor& output) {
                    at::Tensor at_token = output.unflatten(0, {std::ssize(members), recording_.copies()}).select(2, 0);
                    for (std::size_t run = 0; run < members.size(); ++run) {
                        if (windows[static_cast<std::size_t>(members[run][0])].end > layer) {
                            at_token[static_cast<std::int64_t>(run)].copy_(recorded(kind, layer)[0][token_]);
                        }
                    }
                };
                const Change cut = [&](at::Tensor& output) { sever(output, recorded(*severed, layer)); };
                const auto change = [&](TraceKind of) { return kind == of ? clean : severed == of ? cut : Change(); };
                if (is_last) {
                    ends.push_back(end_of_last_block(hidden, change(TraceKind::kAttention), change(TraceKind::kMlp)));
                } else {
                    hidden = run_block(decoder_, layer, hidden, context_, change(TraceKind::kAttention),
                                       change(TraceKind::kMlp));
                }
            }
            std::vector<std::int64_t> entering;
            for (std::int64_t centre = 0; centre < layers; ++centre) {
                if (windows[static_cast<std::size_t>(centre)].begin == layer) entering.push_back(centre);
            }
            // Nothing reads what the last block writes at an earlier token.
            if (entering.empty() || (is_last && length() > 1)) continue;
            members.push_back(entering);
            const at::Tensor entered = first_outputs(kind, layer);
            if (is_last) ends.push_back(entered.select(1, 0));
            hidden = hidden.defined() ? at::cat({hidden, entered}) : entered;
        }
        std::vector<std::int64_t> run_of(static_cast<std::size_t>(layers), kCorrupted);
        for (std::size_t run = 0; run < members.size(); ++run) {
            for (const std::int64_t centre : members[run])
                run_of[static_cast<std::size_t>(centre)] = static_cast<std::int64_t>(run);
        }
        return {ends.empty() ? corrupted(0).select(1, 0).narrow(0, 0, 0) : at::cat(ends), std::move(run_of)};
    }

  private:
    // Positions from the token on.
    std::int64_t length() const { return recording_.positions() - token_; }

    // Outputs of the block where a run begins: as in the corrupted run but at the token, whose own output is all that
    // the restored state, or output of MLP or attention, can change there. [copy, position, hidden]
    at::Tensor first_outputs(TraceKind kind, std::int64_t layer) const {
        at::Tensor outputs = corrupted(layer + 1).clone();
        at::Tensor at_token = outputs.narrow(1, 0, 1);
        if (kind == TraceKind::kState) {
            at_token.copy_(recording_.hidden[static_cast<std::size_t>(layer) + 1][0][token_]);
            return outputs;
        }
        // Row 0 of what is recorded is clean.
        const auto written = [&](TraceKind of) {
            const at::Tensor there = recorded(of, layer).narrow(1, token_, 1);
            return of == kind ? there.narrow(0, 0, 1).expand_as(at_token) : there.narrow(0, 1, recording_.copies());
        };
        const at::Tensor before = corrupted(layer).narrow(1, 0, 1);
        const at::Tensor stream = decoder_.with_attention(layer, before, written(TraceKind::kAttention));
        const at::Tensor output = kind == TraceKind::kMlp
                                      ? written(kind).contiguous()
                                      : decoder_.mlp_output(layer, decoder_.mlp_key(layer, before, stream));
        at_token.copy_(decoder_.after_mlp(layer, stream, output));
        return outputs;
    }

    // What the last block makes of the last position, [row, hidden]: the answer is read there alone. Changes are to the
    // token's outputs, so they count only where it is that position.
    at::Tensor end_of_last_block(const at::Tensor& hidden, const Change& attention, const Change& mlp) const {
        const std::int64_t layer = recording_.layers() - 1, end = hidden.size(1) - 1;
        if (end == 0) return run_block(decoder_, layer, hidden, context_, attention, mlp).select(1, 0);
        const at::Tensor stream = decoder_.after_attention(layer, hidden, context_).narrow(1, end, 1);
        const at::Tensor key = decoder_.mlp_key(layer, hidden.narrow(1, end, 1), stream);
        return decoder_.after_mlp(layer, stream, decoder_.mlp_output(layer, key)).select(1, 0);
    }

    // Corrupted inputs of a block from the token on.
    at::Tensor corrupted(std::int64_t layer) const {
        return recording_.hidden[static_cast<std::size_t>(layer)]
            .narrow(0, 1, recording_.copies())
            .narrow(1, token_, length());
    }
    const at::Tensor& recorded(TraceKind kind, std::int64_t layer) const {
        return (kind == TraceKind::kMlp ? recording_.mlp : recording_.attention)[static_cast<std::size_t>(layer)];
    }
    void sever(at::Tensor& output, const at::Tensor& outputs) const {
        const std::int64_t copies = recording_.copies();
        output.unflatten(0, {output.size(0) / copies, copies})
            .select(2, 0)
            .copy_(outputs.narrow(0, 1, copies).select(1, token_));
    }

    // Splits each run in which some windows have ended and others have not.
    void fork(std::vector<std::vector<std::int64_t>>& members, at::Tensor& hidden,
              const std::function<bool(std::int64_t)>& has_ended) const {
        std::vector<std::int64_t> sources;
        const std::size_t before = members.size();
        for (std::size_t run = 0; run < before; ++run) {
            const auto middle = std::stable_partition(members[run].begin(), members[run].end(), has_ended);
            if (middle == members[run].begin() || middle == members[run].end()) continue;
            members.emplace_back(middle, members[run].end());
            members[run].resize(members[run].size() - members.back().size());
            sources.push_back(static_cast<std::int64_t>(run));
        }
        if (sources.empty()) return;
        const at::Tensor runs = hidden.unflatten(0, {static_cast<std::int64_t>(before), recording_.copies()});
        const at::Tensor copied = runs.index_select(0, at::tensor(sources, at::kLong).to(hidden.device()));
        hidden = at::cat({hidden, copied.flatten(0, 1)});
    }

    const model::Decoder& decoder_;
    const Recording& recording_;
    std::int64_t token_;
    model::KvCache cache_;
    model::Context context_;
};

}  // namespace

text::TokenId likeliest_next(const model::Decoder& decoder, const std::vector<text::TokenId>& ids) {
    const at::NoGradGuard no_grad;
    const at::Tensor input =
        at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).to(decoder.device());
    const at::Tensor hidden = decoder.hidden_states({input.unsqueeze(0), {}});
    return static_cast<text::TokenId>(
        decoder.head(hidden.select(1, hidden.size(1) - 1)).argmax(1).item<std::int64_t>());
}

FactTrace trace_fact(const model::Decoder& decoder, const TraceTokens& tokens, const at::Tensor& noise,
                     const TraceSettings& settings) {
    const at::NoGradGuard no_grad;
    const std::int64_t subject = tokens.subject.end - tokens.subject.begin, positions = std::ssize(tokens.ids);
    NEPENTHE_CHECK(noise.dim() == 3 && noise.size(0) > 0 && noise.size(1) == subject &&
                   noise.size(2) == decoder.config().hidden && settings.window > 0);
    const Recording recording = record(decoder, tokens, noise);
    const std::int64_t copies = recording.copies(), layers = recording.layers();

    FactTrace trace;
    const at::Tensor last = recording.hidden.back().select(1, positions - 1);
    trace.answer = static_cast<text::TokenId>(decoder.head(last.narrow(0, 0, 1)).argmax(1).item<std::int64_t>());
    AnswerScores answers;
    answers.add(last);

    // Where the first row of each cell will stand; tokens before the subject have that of the corrupted run.
    constexpr std::int64_t kCorruptedRow = 1;
    const auto add = [&](const TokenRuns::Restored& restored) {
        const std::int64_t first = answers.add(restored.ends);
        std::vector<std::int64_t> rows;  // by layer
        for (const std::int64_t run : restored.run_of) {
            rows.push_back(run == TokenRuns::kCorrupted ? kCorruptedRow : first + run * copies);
        }
        return rows;
    };
    std::vector<std::vector<std::int64_t>> first_row(
        settings.kinds.size(), std::vector<std::int64_t>(static_cast<std::size_t>(positions * layers), kCorruptedRow));
    std::map<TraceKind, std::vector<std::int64_t>> severed_rows;  // by layer
    for (std::int64_t token = tokens.subject.begin; token < positions; ++token) {
        const TokenRuns runs(decoder, recording, tokens.ids, token);
        for (std::size_t i = 0; i < settings.kinds.size(); ++i) {
            const std::vector<std::int64_t> rows = add(runs.restore(settings.kinds[i], settings.window));
            std::copy(rows.begin(), rows.end(), first_row[i].begin() + token * layers);
        }
        if (settings.severed && token == tokens.subject.end - 1) {
            for (const TraceKind kind : {TraceKind::kMlp, TraceKind::kAttention}) {
                severed_rows[kind] = add(runs.restore(TraceKind::kState, settings.window, kind));
            }
        }
    }

    answers.score(decoder, trace.answer);
    trace.high = answers.mean(0, 1);
    trace.low = answers.mean(kCorruptedRow, copies);
    for (const auto& rows : first_row) {
        std::vector<double>& scores = trace.scores.emplace_back();
        for (const std::int64_t row : rows) scores.push_back(answers.mean(row, copies));
    }
    for (const auto& [kind, rows] : severed_rows) {
        std::vector<double>& scores = kind == TraceKind::kMlp ? trace.severed_mlp : trace.severed_attention;
        for (const std::int64_t row : rows) scores.push_back(answers.mean(row, copies));
    }
    return trace;
}

}  // namespace nepenthe::edit
