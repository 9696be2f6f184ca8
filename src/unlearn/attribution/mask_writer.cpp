// The writing half of mask_file.h.
#include "base/error.h"
#include "kernels/vector_math.h"
#include "unlearn/attribution/mask_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

namespace nepenthe::unlearn {

namespace {

constexpr std::uint64_t kMaskChunkBytes = std::uint64_t{1} << 20;

Json attributes_of(const MaskContent& content) {
    const MaskClaims& claims = content.claims;
    Json attributes = {{"model_digest", claims.model_digest},
                       {"tokenizer_digest", claims.tokenizer_digest},
                       {"score", claims.score},
                       {"loss", claims.loss},
                       {"n_forget", claims.forget_items},
                       {"n_retain", claims.retain_items},
                       {"seed", claims.seed},
                       {"weights", content.table.numel()},
                       {"config_json", canonical_json(claims.config)}};
    if (claims.gamma) attributes["gamma_mean"] = *claims.gamma;
    return attributes;
}

Json selection_json(const MaskSelection& selection) {
    Json row = {{"name", selection.name}, {"kept", selection.kept}};
    if (const auto& cut = selection.cut) {
        const bool keeps = std::isfinite(cut->threshold);
        row.update({{"share", cut->share},
                    {"threshold", keeps ? Json(static_cast<double>(cut->threshold)) : Json()},
                    {"ties", cut->ties},
                    {"ties_kept", cut->ties_kept},
                    {"ties_end", cut->ties_end}});
    }
    return row;
}

struct Tally {
    std::int64_t kept = 0, weights = 0;
    Json to_json() const {
        const Json share = weights > 0 ? Json(static_cast<double>(kept) / static_cast<double>(weights)) : Json();
        return {{"value", share}, {"numerator", kept}, {"denominator", weights}};
    }
};

// `kept` by parameter.
Json density_of(const ParameterTable& table, const std::vector<std::int64_t>& kept) {
    Tally all;
    std::map<std::string, Tally> modules, layers;
    for (std::size_t i = 0; i < table.parameters.size(); ++i) {
        const CountedParameter& parameter = table.parameters[i];
        const std::string layer = parameter.layer < 0 ? "none" : std::to_string(parameter.layer);
        for (Tally* tally : {&all, &modules[parameter.module], &layers[layer]})
            tally->kept += kept[i], tally->weights += parameter.numel;
    }
    Json density = {{"all", all.to_json()}, {"module", Json::object()}, {"layer", Json::object()}};
    for (const auto& [name, tally] : modules) density["module"][name] = tally.to_json();
    for (const auto& [name, tally] : layers) density["layer"][name] = tally.to_json();
    return density;
}

// Collective. A dataset that every rank holds whole, in chunks.
template <typename T>
void write_whole(store::H5Writer& file, store::DatasetSpec spec, const std::vector<T>& values) {
    spec.shape = {values.size()};
    spec.rows_per_chunk = std::clamp<std::uint64_t>(values.size(), 1, kMaskChunkBytes / sizeof(T));
    file.create(spec);
    file.write_rows(spec.name, [&](std::uint64_t first, std::uint64_t rows, std::span<std::byte> out) {
        std::memcpy(out.data(), values.data() + first, rows * sizeof(T));
    });
}

// A run of a parameter's weights, and what a rank says of them.
struct Piece {
    std::int64_t begin = 0, numel = 0;
};

// Collective. Every rank's pieces of one parameter, on every rank: `pack(range)` gives the bytes of this rank's weights
// in a range, `unpack(piece, bytes)` takes one.
template <typename Pack, typename Unpack>
void gather_pieces(const dist::Comm& comm, const CountedParameter& parameter, const std::vector<ShardRange>& ranges,
                   const Pack& pack, const Unpack& unpack) {
    std::string mine;
    for (const ShardRange& range : ranges) {
        const std::int64_t from = std::max(range.index, parameter.begin);
        const std::int64_t to = std::min(range.index + range.numel, parameter.end());
        if (from >= to) continue;
        const Piece piece{from - parameter.begin, to - from};
        const std::string bytes = pack(ShardRange{from, range.shard_begin + from - range.index, to - from});
        mine.append(reinterpret_cast<const char*>(&piece), sizeof piece).append(bytes);
    }
    for (const std::string& theirs : comm.all_gather(mine)) {
        for (std::size_t at = 0; at < theirs.size();) {
            Piece piece;
            std::memcpy(&piece, theirs.data() + at, sizeof piece);
            at += sizeof piece;
            at += unpack(piece, theirs.data() + at);
        }
    }
}

}  // namespace

std::string selection_name(double share) { return fmt::format("{}", share); }

WrittenMasks write_mask_file(const dist::Comm& comm, const std::filesystem::path& path, const MaskContent& content) {
    const ParameterTable& table = content.table;
    std::set<std::string> names;
    for (const MaskSelection& selection : content.selections) {
        if (!names.insert(selection.name).second)
            fail(ErrorKind::kUsage, "the mask {} is asked for twice", selection.name);
    }
    store::H5Writer file(comm, path, kMaskFormat, kMaskFormatVersion, attributes_of(content));
    file.write_text(
        "/parameters", canonical_json(table.to_json()),
        "the model's parameters in the order in which weights are counted: name, shape, module, layer, JSON");
    WrittenMasks written;
    Json selections = Json::array();
    for (std::size_t s = 0; s < content.selections.size(); ++s) {
        MaskSelection selection = content.selections[s];
        std::vector<std::int64_t> kept;
        for (std::size_t p = 0; p < table.parameters.size(); ++p) {
            const PackedBits bits = content.bits(s, p);
            NEPENTHE_CHECK(bits.size() == table.parameters[p].numel);
            kept.push_back(bits.count());
            write_whole(
                file,
                {.name = fmt::format("/mask/{}/{}", selection.name, table.parameters[p].name),
                 .type = store::H5Type::kU8,
                 .shape = {},
                 .axes = {"byte"},
                 .description = "a bit a weight, row by row, the first in each byte's lowest bit; 1: the weight "
                                "stays trainable",
                 .units = ""},
                bits.bytes());
        }
        selection.kept = 0;
        for (const std::int64_t count : kept) selection.kept += count;
        NEPENTHE_CHECK(!selection.cut || selection.kept == selection.cut->kept);
        selections.push_back(selection_json(selection));
        written.density[selection.name] = density_of(table, kept);
    }
    for (std::size_t p = 0; content.scores && p < table.parameters.size(); ++p) {
        write_whole(file,
                    {.name = "/scores/" + table.parameters[p].name,
                     .type = store::H5Type::kBF16,
                     .shape = {},
                     .axes = {"weight"},
                     .description = "scores rounded to bf16, row by row; the masks were cut before rounding",
                     .units = ""},
                    content.scores(p));
    }
    file.write_text(
        "/selections", canonical_json(selections),
        "name and number of kept weights of every mask; share, lowest kept score, weights tied at it, JSON");
    file.write_text("/density", canonical_json(written.density), "share of kept weights by module and by layer, JSON");
    written.digest = file.close();
    return written;
}

MaskContent selected_masks(const dist::Comm& comm, MaskClaims claims, const ParameterTable& table,
                           std::span<const float> scores, const std::vector<ShardRange>& ranges,
                           const std::vector<Cut>& cuts, bool with_scores) {
    MaskContent content{.claims = std::move(claims), .table = table, .selections = {}, .bits = {}, .scores = {}};
    for (const Cut& cut : cuts) content.selections.push_back({selection_name(cut.share), cut.kept, cut});
    content.bits = [&comm, &table, scores, &ranges, &cuts](std::size_t s, std::size_t p) {
        const Cut& cut = cuts[s];
        PackedBits whole(table.parameters[p].numel);
        const auto pack = [&](const ShardRange& range) {
            PackedBits part(range.numel);
            for (std::int64_t i = 0; i < range.numel; ++i) {
                if (cut.keeps(scores[static_cast<std::size_t>(range.shard_begin + i)], range.index + i)) part.set(i);
            }
            return std::string(part.bytes().begin(), part.bytes().end());
        };
        gather_pieces(comm, table.parameters[p], ranges, pack, [&](const Piece& piece, const char* bytes) {
            const auto count = static_cast<std::size_t>(PackedBits::bytes_for(piece.numel));
            whole.merge(piece.begin, PackedBits(piece.numel, {bytes, bytes + count}));
            return count;
        });
        return whole;
    };
    if (!with_scores) return content;
    content.scores = [&comm, &table, scores, &ranges](std::size_t p) {
        std::vector<std::uint16_t> whole(static_cast<std::size_t>(table.parameters[p].numel));
        const auto pack = [&](const ShardRange& range) {
            std::vector<c10::BFloat16> rounded(static_cast<std::size_t>(range.numel));
            for (std::size_t i = 0; i < rounded.size(); ++i)
                kernels::store(&rounded[i], scores[static_cast<std::size_t>(range.shard_begin) + i]);
            return std::string(reinterpret_cast<const char*>(rounded.data()), rounded.size() * sizeof(std::uint16_t));
        };
        gather_pieces(comm, table.parameters[p], ranges, pack, [&](const Piece& piece, const char* bytes) {
            const std::size_t count = static_cast<std::size_t>(piece.numel) * sizeof(std::uint16_t);
            std::memcpy(whole.data() + piece.begin, bytes, count);
            return count;
        });
        return whole;
    };
    return content;
}

}  // namespace nepenthe::unlearn
