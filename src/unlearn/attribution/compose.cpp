#include "unlearn/attribution/compose.h"

#include "base/error.h"
#include "dist/guard.h"

#include <array>
#include <utility>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<std::pair<std::string_view, MaskOperation>, 3> kOperationNames{
    {{"union", MaskOperation::kUnion}, {"intersect", MaskOperation::kIntersect}, {"invert", MaskOperation::kInvert}}};

// What is known of the sources, for the claims of what is made of them.
Json source_json(const MaskSource& source, const MaskSelection& selection) {
    const MaskClaims& claims = source.file->claims();
    Json json = {{"digest", source.digest},
                 {"selection", selection.name},
                 {"kept", selection.kept},
                 {"score", claims.score},
                 {"loss", claims.loss}};
    if (claims.gamma) json["gamma_mean"] = *claims.gamma;
    return json;
}

}  // namespace

std::string_view mask_operation_name(MaskOperation operation) {
    for (const auto& [name, known] : kOperationNames) {
        if (known == operation) return name;
    }
    return "";
}

MaskOperation parse_mask_operation(std::string_view name) {
    for (const auto& [known, operation] : kOperationNames) {
        if (known == name) return operation;
    }
    fail(ErrorKind::kUsage, "there is no operation \"{}\" on masks; there are union, intersect and invert", name);
}

MaskContent composed_mask(const dist::Comm& comm, MaskOperation operation, const std::vector<MaskSource>& sources) {
    const std::string name(mask_operation_name(operation));
    const bool one = operation == MaskOperation::kInvert;
    if (one ? sources.size() != 1 : sources.size() < 2)
        fail(ErrorKind::kUsage, "{} takes {}, not {}", name, one ? "one mask" : "two masks or more", sources.size());
    const MaskFile& first = *sources.front().file;
    std::vector<const MaskSelection*> selections;
    Json from = Json::array();
    for (const MaskSource& source : sources) {
        source.file->require_model(first.table(), first.claims().model_digest, first.claims().tokenizer_digest);
        selections.push_back(&source.file->selection(source.selection));
        from.push_back(source_json(source, *selections.back()));
    }
    MaskContent content;
    content.claims = {.model_digest = first.claims().model_digest,
                      .tokenizer_digest = first.claims().tokenizer_digest,
                      .score = name,
                      .config = {{"op", name}, {"sources", std::move(from)}}};
    content.table = first.table();
    content.selections = {{.name = name}};
    content.bits = [&comm, operation, &sources, selections](std::size_t, std::size_t parameter) {
        PackedBits bits;
        dist::run_agreed(comm, "read masks", [&] {
            bits = sources[0].file->bits(*selections[0], parameter);
            for (std::size_t i = 1; i < sources.size(); ++i) {
                const PackedBits other = sources[i].file->bits(*selections[i], parameter);
                operation == MaskOperation::kUnion ? bits |= other : bits &= other;
            }
            if (operation == MaskOperation::kInvert) bits.flip();
        });
        return bits;
    };
    return content;
}

}  // namespace nepenthe::unlearn
