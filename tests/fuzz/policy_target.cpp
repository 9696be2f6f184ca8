#include "audit/policy.h"
#include "fuzz/target.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accepted([&] {
        const audit::Policy policy = audit::read_policy(parse_json(fuzz::as_text(data, size), "policy"), "policy");
        fuzz::require(!policy.attacks.empty() && policy.attacks.front().name.empty(),
                      "the models as they are come first");
        for (const audit::Line& line : policy.lines) {
            fuzz::require(line.attack < policy.attacks.size(), "a line's attack is there");
            fuzz::require(line.at_most || line.at_least, "a line has a limit");
            fuzz::require(!(line.minus && line.over), "a line compares in one way");
        }
    });
    return 0;
}
