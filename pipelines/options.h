#pragma once
// The options of a verb: declared once, read from defaults, --config FILE, NEPENTHE_* environment and flags (last
// wins), checked all at once.

#include "base/error.h"
#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nepenthe::pipelines {

// Thrown by Options::parse when --help was asked for.
struct HelpRequested {
    std::string text;
};

// Where the values of one invocation come from.
struct Arguments {
    std::vector<std::string> words;  // what follows the verb on the command line
    // Relative paths count from here; a recipe's stages set it to the recipe's folder, empty = the working folder.
    std::filesystem::path base_folder;
};

class Options {
  public:
    Options(std::string verb, std::string summary, std::string example);

    // The value there is before parsing is the default. Lists take commas and repetition.
    void add(const std::string& name, std::string& value, const std::string& help);
    void add(const std::string& name, std::filesystem::path& value, const std::string& help);
    void add(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help);
    void add(const std::string& name, std::vector<std::string>& value, const std::string& help);
    void add(const std::string& name, std::vector<double>& value, const std::string& help);
    void add(const std::string& name, std::int64_t& value, const std::string& help);
    void add(const std::string& name, std::uint64_t& value, const std::string& help);
    void add(const std::string& name, double& value, const std::string& help);
    void add(const std::string& name, bool& value, const std::string& help);
    // One of `choices`.
    void add(const std::string& name, std::string& value, const std::vector<std::string>& choices,
             const std::string& help);
    // The option that words without a name go to ("run RECIPE").
    void set_positional(const std::string& name) { positional_ = name; }
    void require(const std::string& name) { required_.push_back(name); }
    // Options that --help only names, so that it fits a screen; --help-all explains them.
    void set_rare(std::vector<std::string> names) { rare_ = std::move(names); }

    // Throws HelpRequested, or Error(kUsage) that lists every problem. Whether an option was given is known afterwards.
    void parse(const Arguments& arguments);
    bool given(const std::string& name) const { return values_.count(name) > 0; }
    // Given in this invocation's own words. What a --config file or the environment says holds for many invocations:
    // not each needs to read it.
    bool said(const std::string& name) const { return said_.count(name) > 0; }
    // Of everything declared so far.
    std::vector<std::string> names() const;
    // All values after parsing, for provenance.
    Json effective() const;
    std::string help(bool all = false) const;

  private:
    using Values = std::map<std::string, std::vector<std::string>>;
    struct Option {
        std::string name, help, default_text;
        bool is_flag = false, is_list = false;
        std::function<void(const std::vector<std::string>&)> set;  // throws std::string on a bad value
        std::function<Json()> get;
    };
    void declare(Option option);
    Values from_words(const std::vector<std::string>& words, Problems& problems) const;
    Values from_file(const std::filesystem::path& path, Problems& problems) const;
    Values from_environment() const;
    std::string unknown(const std::string& name) const;

    std::string verb_, summary_, example_, positional_;
    std::vector<Option> options_;
    std::vector<std::string> required_, rare_;
    Values values_;
    std::set<std::string> said_;
    std::filesystem::path base_folder_, config_file_;
};

}  // namespace nepenthe::pipelines
