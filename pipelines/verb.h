#pragma once
// What all verbs share: the options every one of them takes, and the form of their answers.

#include "base/json.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "pipelines/options.h"
#include "store/artefact.h"
#include "text/tokenizer.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// --dtype, --device, --threads, --seed, --outputs.
struct CommonOptions {
    std::string dtype = "fp32";
    std::string device = "cpu";
    std::int64_t threads = 0;  // per rank; 0 = what the rank may use (dist/processors.h), until apply() settles it
    std::uint64_t seed = 0;
    std::filesystem::path outputs = "outputs";

    void declare(Options& options);
    model::Compute compute() const;
    // Collective. Of --device cuda, number (rank on the node) modulo (devices that this rank sees), made the current
    // one. Throws Error(kUsage) where it sees none.
    at::Device torch_device(const dist::Comm& comm) const;
    // Collective. Settles and sets the number of threads of this process.
    void apply(const dist::Comm& comm);
    // What of these decides the bytes of results, for keys; after apply(). The seed belongs to what is drawn with it.
    Json compute_key() const;
    std::unique_ptr<dist::Collectives> collectives(const dist::Comm& comm) const;
};

// A verb's answer: an object for scripts (--json), text for people. Printed by rank 0.
struct Answer {
    Json json = Json::object();
    std::string text;
};

struct Verb {
    const char* name;
    const char* summary;
    // Collective.
    Answer (*run)(const dist::Comm& comm, const Arguments& arguments);
    // Collective. The key of the artefact that run() would make, or find, found without making it: a function of the
    // options and of what the inputs hold. nullptr for verbs that make none.
    store::ArtefactKey (*key)(const dist::Comm& comm, const Arguments& arguments);
    // Words that choose a form of the verb with options of its own; "" is the form without any.
    std::vector<const char*> forms{""};
};

const std::vector<Verb>& verbs();
std::vector<std::string> verb_names();
const Verb& find_verb(const std::string& name);
// The options of a verb, of all its forms together.
std::vector<OptionInfo> options_of(const dist::Comm& comm, const Verb& verb);

// One function a verb, each in the file of its name.
Answer run_info(const dist::Comm& comm, const Arguments& arguments);
Answer run_tokenize(const dist::Comm& comm, const Arguments& arguments);
Answer run_score(const dist::Comm& comm, const Arguments& arguments);
Answer run_generate(const dist::Comm& comm, const Arguments& arguments);
Answer run_train(const dist::Comm& comm, const Arguments& arguments);
Answer run_anchors(const dist::Comm& comm, const Arguments& arguments);
Answer run_relabel(const dist::Comm& comm, const Arguments& arguments);
Answer run_forget(const dist::Comm& comm, const Arguments& arguments);
Answer run_attribute(const dist::Comm& comm, const Arguments& arguments);
Answer run_mask(const dist::Comm& comm, const Arguments& arguments);
Answer run_stats(const dist::Comm& comm, const Arguments& arguments);
Answer run_repair(const dist::Comm& comm, const Arguments& arguments);
Answer run_trace(const dist::Comm& comm, const Arguments& arguments);
Answer run_edit(const dist::Comm& comm, const Arguments& arguments);
Answer run_evaluate(const dist::Comm& comm, const Arguments& arguments);
Answer run_relearn(const dist::Comm& comm, const Arguments& arguments);
Answer run_audit(const dist::Comm& comm, const Arguments& arguments);
Answer run_report(const dist::Comm& comm, const Arguments& arguments);
Answer run_verify(const dist::Comm& comm, const Arguments& arguments);
Answer run_recipe(const dist::Comm& comm, const Arguments& arguments);

store::ArtefactKey train_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey relabel_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey forget_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey attribute_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey mask_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey stats_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey repair_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey trace_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey edit_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey evaluate_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey relearn_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey audit_key(const dist::Comm& comm, const Arguments& arguments);

// The tokenizer of a model folder. A text with a token that the model's embedding has no row for is refused
// (Error(kData)) when it is encoded, never the folder.
text::Tokenizer load_tokenizer(const std::filesystem::path& folder, const model::DecoderConfig& config);

}  // namespace nepenthe::pipelines
