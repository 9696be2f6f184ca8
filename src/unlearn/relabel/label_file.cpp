#include "unlearn/relabel/label_file.h"

#include "base/error.h"
#include "store/hdf5.h"
#include "unlearn/relabel/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

namespace nepenthe::unlearn {

namespace {

using store::H5Type;

// One value a position (or `width` of them), spread from a block's labelled rows over all its positions.
template <typename T>
void scatter(const BlockLabels& block, const std::vector<T>& values, std::size_t stride, std::size_t offset,
             std::size_t width, T* out) {
    for (std::size_t row = 0; row < block.positions.size(); ++row) {
        const T* from = values.data() + row * stride + offset;
        std::copy(from, from + width, out + static_cast<std::size_t>(block.positions[row]) * width);
    }
}

// Unpacks blocks in turn, keeping the last one.
class BlockReader {
  public:
    explicit BlockReader(const store::BlockResults& results) : results_(results) {}
    const BlockLabels& read(std::uint64_t block) {
        if (!last_.has_value() || block != last_id_) {
            last_ = BlockLabels::unpack(results_.read(block));
            last_id_ = block;
        }
        return *last_;
    }

  private:
    const store::BlockResults& results_;
    std::optional<BlockLabels> last_;
    std::uint64_t last_id_ = 0;
};

class LabelFileWriter {
  public:
    LabelFileWriter(store::H5Writer& file, const LabelFileInput& input)
        : file_(file), input_(input), reader_(*input.blocks), rows_(input.corpus->blocks.size()) {}

    // A dataset [block, position, extra…]; `fill` writes one block's row, which holds `empty` everywhere before.
    template <typename T>
    void positions(const std::string& name, const std::string& description, const std::string& units, T empty,
                   const std::function<void(std::uint64_t block, T* out)>& fill,
                   std::pair<std::string, std::int64_t> extra = {"", 1}) {
        store::DatasetSpec spec{.name = name,
                                .type = store::h5_type_of<T>(),
                                .shape = {rows_, static_cast<std::uint64_t>(input_.length)},
                                .rows_per_chunk = 1,
                                .axes = {"block", "position"},
                                .description = description,
                                .units = units};
        if (!extra.first.empty()) {
            spec.shape.push_back(static_cast<std::uint64_t>(extra.second));
            spec.axes.push_back(extra.first);
        }
        const auto width = static_cast<std::size_t>(input_.length * extra.second);
        file_.create(spec);
        file_.write_rows(name, [&](std::uint64_t first, std::uint64_t count, std::span<std::byte> out) {
            std::vector<T> row(width);
            for (std::uint64_t i = 0; i < count; ++i) {
                std::fill(row.begin(), row.end(), empty);
                fill(first + i, row.data());
                std::memcpy(out.data() + i * width * sizeof(T), row.data(), width * sizeof(T));
            }
        });
    }

    // A table of all blocks' rows one behind the other; `offsets` is where each block's rows begin.
    void table(const std::string& name, const std::string& description, const std::vector<std::string>& axes,
               std::uint64_t columns, const std::vector<std::int64_t>& offsets,
               const std::function<std::vector<std::int32_t>(std::uint64_t block)>& rows_of) {
        const auto total = static_cast<std::uint64_t>(offsets.back());
        if (total == 0) return;
        store::DatasetSpec spec{.name = name,
                                .type = H5Type::kI32,
                                .shape = {total},
                                .rows_per_chunk = std::min<std::uint64_t>(total, 4096),
                                .axes = axes,
                                .description = description,
                                .units = ""};
        if (columns > 1) spec.shape.push_back(columns);
        file_.create(spec);
        file_.write_rows(name, [&](std::uint64_t first, std::uint64_t count, std::span<std::byte> out) {
            for (std::uint64_t row = first; row < first + count;) {
                const auto behind = std::upper_bound(offsets.begin(), offsets.end(), static_cast<std::int64_t>(row));
                const auto block = static_cast<std::uint64_t>(behind - offsets.begin()) - 1;
                const std::vector<std::int32_t> values = rows_of(block);
                const std::uint64_t skip = row - static_cast<std::uint64_t>(offsets[block]);
                const std::uint64_t taken = std::min(values.size() / columns - skip, first + count - row);
                std::memcpy(out.data() + (row - first) * columns * sizeof(std::int32_t), values.data() + skip * columns,
                            taken * columns * sizeof(std::int32_t));
                row += taken;
            }
        });
    }

    void small(const std::string& name, const std::string& description, const std::vector<std::int64_t>& values) {
        store::DatasetSpec spec{.name = name,
                                .type = H5Type::kI64,
                                .shape = {values.size()},
                                .rows_per_chunk = std::max<std::uint64_t>(values.size(), 1),
                                .axes = {"block"},
                                .description = description,
                                .units = ""};
        file_.write_small(spec, std::as_bytes(std::span(values)));
    }

    const BlockLabels& block(std::uint64_t id) { return reader_.read(id); }

  private:
    store::H5Writer& file_;
    const LabelFileInput& input_;
    BlockReader reader_;
    std::uint64_t rows_;
};

void write_text_side(LabelFileWriter& file, const LabelFileInput& input) {
    file.positions<std::int32_t>("/tokens", "token ids of the original text, -1 behind a block's end", "", -1,
                                 [&](std::uint64_t id, std::int32_t* out) {
                                     const auto& ids = input.corpus->blocks[id].ids;
                                     std::copy(ids.begin(), ids.end(), out);
                                 });
    file.positions<std::int32_t>("/map", "position in the translated block, -1 where none corresponds", "", kNoPosition,
                                 [&](std::uint64_t id, std::int32_t* out) {
                                     const auto& map = file.block(id).translation.map;
                                     std::copy(map.begin(), map.end(), out);
                                 });
}

void write_alpha(LabelFileWriter& file, const LabelFileInput& input, std::size_t alpha) {
    const std::string name = alpha_name(input.alphas[alpha]);
    const std::size_t stride = input.alphas.size();
    file.positions<std::int32_t>("/labels/" + name, "token that this position should predict next, -1 where none", "",
                                 kNoLabel, [&](std::uint64_t id, std::int32_t* out) {
                                     scatter(file.block(id), file.block(id).rows.label, stride, alpha, 1, out);
                                 });
    file.positions<float>("/margin/" + name, "largest combined value minus the second largest, 0 where no label",
                          "nats", 0.0f, [&](std::uint64_t id, float* out) {
                              scatter(file.block(id), file.block(id).rows.margin, stride, alpha, 1, out);
                          });
    file.positions<std::uint8_t>("/certificate/" + name, "1: the top-k alone prove the label", "", 0,
                                 [&](std::uint64_t id, std::uint8_t* out) {
                                     scatter(file.block(id), file.block(id).rows.certificate, stride, alpha, 1, out);
                                 });
}

void write_top_k(LabelFileWriter& file, const LabelFileInput& input) {
    const auto k = static_cast<std::size_t>(input.top_k);
    const std::pair<std::string, std::int64_t> axis{"rank", input.top_k};
    const auto floats = [&](const std::string& name, const std::string& description, const std::string& units,
                            std::vector<float> CombinedRows::*member, std::size_t width,
                            std::pair<std::string, std::int64_t> extra) {
        file.positions<float>(
            name, description, units, 0.0f,
            [&file, member, width](std::uint64_t id, float* out) {
                scatter(file.block(id), file.block(id).rows.*member, width, 0, width, out);
            },
            extra);
    };
    file.positions<std::int32_t>(
        "/topk/index", "tokens of highest baseline logit, falling, -1 where no label", "", -1,
        [&](std::uint64_t id, std::int32_t* out) {
            scatter(file.block(id), file.block(id).rows.top_index, k, 0, k, out);
        },
        axis);
    floats("/topk/baseline", "baseline logits on the translated text at /topk/index, forbidden tokens replaced",
           "logit", &CombinedRows::top_baseline, k, axis);
    floats("/topk/reinforced", "reinforced model's logits on the original text at /topk/index", "logit",
           &CombinedRows::top_reinforced, k, axis);
    floats("/lse/baseline", "log-sum-exp of the baseline's logits, forbidden tokens replaced", "nats",
           &CombinedRows::lse_baseline, 1, {"", 1});
    floats("/lse/reinforced", "log-sum-exp of the reinforced model's logits", "nats", &CombinedRows::lse_reinforced, 1,
           {"", 1});
    floats("/mean/baseline", "mean of the baseline's logits, what forbidden tokens get", "logit",
           &CombinedRows::mean_baseline, 1, {"", 1});
}

void write_on_request(LabelFileWriter& file, const LabelFileInput& input) {
    const auto wide = [&](const std::string& name, const std::string& description, const std::string& units,
                          std::pair<std::string, std::int64_t> axis,
                          const std::function<void(std::uint64_t, float*)>& fill) {
        file.positions<float>(name, description, units, 0.0f, fill, axis);
    };
    const auto vocabulary = static_cast<std::size_t>(input.vocabulary);
    if (input.logits) {
        wide("/logits/baseline", "all logits of the baseline, forbidden tokens replaced", "logit",
             {"token", input.vocabulary}, [&](std::uint64_t id, float* out) {
                 scatter(file.block(id), file.block(id).logits_baseline, vocabulary, 0, vocabulary, out);
             });
        wide("/logits/reinforced", "all logits of the reinforced model", "logit", {"token", input.vocabulary},
             [&](std::uint64_t id, float* out) {
                 scatter(file.block(id), file.block(id).logits_reinforced, vocabulary, 0, vocabulary, out);
             });
    }
    const auto hidden = static_cast<std::size_t>(input.hidden);
    for (std::size_t i = 0; i < input.activation_layers.size(); ++i) {
        wide(fmt::format("/activations/{}", input.activation_layers[i]),
             "hidden states of the baseline behind this block, on the translated text", "", {"hidden", input.hidden},
             [&file, hidden, i](std::uint64_t id, float* out) {
                 const BlockLabels& block = file.block(id);
                 const std::vector<float>& all = block.activations;
                 const std::size_t rows = block.positions.size();
                 const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * rows * hidden);
                 const std::vector<float> layer(begin, begin + static_cast<std::ptrdiff_t>(rows * hidden));
                 scatter(block, layer, hidden, 0, hidden, out);
             });
    }
}

// Where each block's rows of the three tables begin.
struct TableOffsets {
    std::vector<std::int64_t> translation{0}, hits{0}, forbidden{0};
};

void write_tables(LabelFileWriter& file, const TableOffsets& offsets) {
    file.small("/translation/offsets", "row of /translation/tokens where each block begins; one more at the end",
               offsets.translation);
    file.table("/translation/tokens", "token ids of the translated blocks, one behind the other", {"row"}, 1,
               offsets.translation, [&](std::uint64_t id) { return file.block(id).translation.tokens; });
    file.table("/anchors/hits",
               "block, source position, source tokens, translated position, translated tokens, term, replacement "
               "(indices into /dictionary), 1 where the term occurred earlier in the block",
               {"hit", "field"}, 8, offsets.hits, [&](std::uint64_t id) {
                   std::vector<std::int32_t> rows;
                   for (const AnchorHit& hit : file.block(id).translation.hits) {
                       for (const std::uint64_t value :
                            {id, std::uint64_t{hit.source}, std::uint64_t{hit.source_length}, std::uint64_t{hit.target},
                             std::uint64_t{hit.target_length}, std::uint64_t{hit.term}, std::uint64_t{hit.replacement},
                             std::uint64_t{hit.repeated}}) {
                           rows.push_back(static_cast<std::int32_t>(value));
                       }
                   }
                   return rows;
               });
    file.table("/anchors/forbidden",
               "block, translated position, token: suppressed at every later position of the block", {"row", "field"},
               3, offsets.forbidden, [&](std::uint64_t id) {
                   std::vector<std::int32_t> rows;
                   for (const ForbiddenToken& item : file.block(id).translation.forbidden) {
                       rows.insert(rows.end(),
                                   {static_cast<std::int32_t>(id), static_cast<std::int32_t>(item.after), item.token});
                   }
                   return rows;
               });
}

void count_block(const text::TokenBlock& source, const BlockLabels& block, LabelCounts& counts) {
    counts.positions += std::ssize(source.ids);
    counts.labelled += std::ssize(block.positions);
    counts.hits += std::ssize(block.translation.hits);
    for (const AnchorHit& hit : block.translation.hits) counts.repeated += hit.repeated;
    const std::size_t stride = counts.alphas.size();
    for (std::size_t row = 0; row < block.positions.size(); ++row) {
        const text::TokenId next = source.ids[static_cast<std::size_t>(block.positions[row]) + 1];
        for (std::size_t alpha = 0; alpha < stride; ++alpha) {
            const std::int32_t label = block.rows.label[row * stride + alpha];
            counts.alphas[alpha].text += label == next;
            counts.alphas[alpha].unproved += label == kNoLabel;
            counts.alphas[alpha].baseline += label == block.rows.baseline_argmax[row];
            counts.alphas[alpha].certified += block.rows.certificate[row * stride + alpha];
        }
    }
}

// Every rank counts its share of the blocks; sizes and sums are then known to all.
TableOffsets count_all(const dist::Comm& comm, const LabelFileInput& input, LabelCounts& counts) {
    const std::size_t blocks = input.corpus->blocks.size();
    std::vector<std::int64_t> sizes(3 * blocks, 0);
    counts.alphas.resize(input.alphas.size());
    for (std::size_t id = static_cast<std::size_t>(comm.rank()); id < blocks;
         id += static_cast<std::size_t>(comm.size())) {
        const BlockLabels block = BlockLabels::unpack(input.blocks->read(id));
        count_block(input.corpus->blocks[id], block, counts);
        sizes[3 * id] = std::ssize(block.translation.tokens);
        sizes[3 * id + 1] = std::ssize(block.translation.hits);
        sizes[3 * id + 2] = std::ssize(block.translation.forbidden);
    }
    comm.all_reduce_sum(sizes);
    std::vector<std::int64_t> sums{counts.positions, counts.labelled, counts.hits, counts.repeated};
    for (const auto& alpha : counts.alphas) {
        sums.insert(sums.end(), {alpha.text, alpha.baseline, alpha.certified, alpha.unproved});
    }
    comm.all_reduce_sum(sums);
    counts.positions = sums[0], counts.labelled = sums[1], counts.hits = sums[2], counts.repeated = sums[3];
    for (std::size_t i = 0; i < counts.alphas.size(); ++i) {
        counts.alphas[i] = {sums[4 + 4 * i], sums[5 + 4 * i], sums[6 + 4 * i], sums[7 + 4 * i]};
    }
    TableOffsets offsets;
    for (std::size_t id = 0; id < blocks; ++id) {
        offsets.translation.push_back(offsets.translation.back() + sizes[3 * id]);
        offsets.hits.push_back(offsets.hits.back() + sizes[3 * id + 1]);
        offsets.forbidden.push_back(offsets.forbidden.back() + sizes[3 * id + 2]);
    }
    return offsets;
}

}  // namespace

Json LabelCounts::to_json(const std::vector<double>& alpha_values) const {
    const auto rate = [](std::int64_t count, std::int64_t of) {
        const Json share = of > 0 ? Json(static_cast<double>(count) / static_cast<double>(of)) : Json();
        return Json{{"value", share}, {"numerator", count}, {"denominator", of}};
    };
    Json by_alpha = Json::object();
    for (std::size_t i = 0; i < alphas.size(); ++i) {
        const OfAlpha& mine = alphas[i];
        Json& out = by_alpha[alpha_name(alpha_values[i])];
        out = {{"agrees_with_text", rate(mine.text, labelled - mine.unproved)},
               {"agrees_with_baseline", rate(mine.baseline, labelled - mine.unproved)},
               {"certified", rate(mine.certified, labelled)}};
        if (mine.unproved > 0) out["without_label"] = rate(mine.unproved, labelled);
    }
    return {{"positions", positions},
            {"labelled", labelled},
            {"anchor_hits", hits},
            {"repeated_anchor_hits", repeated},
            {"alpha", by_alpha}};
}

std::string write_label_file(const dist::Comm& comm, const std::filesystem::path& path, const LabelFileInput& input,
                             LabelCounts& counts) {
    const TableOffsets offsets = count_all(comm, input, counts);
    store::H5Writer file(comm, path, kLabelFormat, kLabelFormatVersion, input.attributes);
    LabelFileWriter writer(file, input);
    write_text_side(writer, input);
    for (std::size_t alpha = 0; alpha < input.alphas.size(); ++alpha) write_alpha(writer, input, alpha);
    write_top_k(writer, input);
    write_on_request(writer, input);
    write_tables(writer, offsets);
    file.write_text("/dictionary", input.dictionary_text, "anchor terms and replacements in order, JSON");
    file.set_attributes({{"counts_json", canonical_json(counts.to_json(input.alphas))}});
    return file.close();
}

}  // namespace nepenthe::unlearn
