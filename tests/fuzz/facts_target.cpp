#include "edit/facts/facts.h"
#include "fuzz/target.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file(fuzz::as_text(data, size));
    for (const bool skip_bad : {false, true}) {
        edit::FactOptions options;
        options.skip_bad = skip_bad;
        options.unlearning = edit::UnlearningTarget::kDummy;
        fuzz::accepted([&] {
            for (const edit::Fact& fact : edit::read_facts(file.path(), options).facts) {
                fuzz::require(!fact.id.empty() && !fact.subject.empty() && !fact.target_new.empty(), "a fact is whole");
                const std::size_t place = fact.prompt.find("{}");
                fuzz::require(place != std::string::npos && fact.prompt.find("{}", place + 2) == std::string::npos,
                              "a prompt has one place for its subject");
                fuzz::require(fact.sentence().find(fact.subject) != std::string::npos, "a sentence holds its subject");
            }
        });
    }
    return 0;
}
