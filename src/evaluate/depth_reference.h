#pragma once
// What every model's depth is measured against: a model that knows, and what another one that never learnt it lacks, by
// layer. Computed once for all models.

#include "dist/comm.h"
#include "evaluate/evaluate.h"
#include "evaluate/probes.h"
#include "model/decoder.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

class DepthReference {
  public:
    struct Pair {
        model::Decoder knowing;
        const model::Decoder& retrained;
        const text::Tokenizer &knowing_tokenizer, &retrained_tokenizer;
    };
    // Collective. Both models on all items of options.probe_items, which are shared among the ranks; afterwards the
    // retrained one is no longer needed. `id` names the pair in rows: only figures against one pair compare. Throws
    // Error(kData) where the models differ in layers, width or tokens. `scratch` as in evaluate().
    DepthReference(const dist::Comm& comm, Pair pair, const EvaluateOptions& options, std::string id,
                   const std::filesystem::path& scratch);

    // Of one item: how much the answer's mean log-probability in the knowing model falls where a block's output is the
    // retrained model's, nats a token.
    struct Drops {
        double clean = 0;  // the mean log-probability itself
        std::vector<double> by_layer;
        double last_as_published = 0;
    };
    const model::Decoder& knowing() const { return knowing_; }
    const Probes& probes() const { return probes_; }
    const std::vector<Drops>& drops() const { return drops_; }  // by item
    const std::string& id() const { return id_; }

  private:
    model::Decoder knowing_;
    Probes probes_;
    std::vector<Drops> drops_;
    std::string id_;
};

// The drops of one item with the states of `other`.
DepthReference::Drops depth_drops(const model::Decoder& knowing, const Probe& probe, const model::Decoder& other);

// Throws Error(kData) where states of `other` cannot take the place of the knowing model's. `who` names it.
void check_same_shape(const model::DecoderConfig& knowing, const model::DecoderConfig& other, const std::string& who);
// The same where its tokenizer gives other tokens.
void check_same_tokens(const Probes& knowing, const Probes& other, const std::string& who);

}  // namespace nepenthe::evaluate
