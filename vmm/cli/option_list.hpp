// The options of a command that is being described, or only those of them that were given.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <span>
#include <string>
#include <utility>

namespace twofold::vmm {

/// Words of a command line, behind the program's name.
using Words = std::span<char const* const>;

/// What CLI::App describes options with. Describing all of `run` takes a tenth of a small guest's
/// launch; options that were not given keep their values without.
class OptionList {
  public:
    /// All options.
    OptionList(CLI::App& command) // NOLINT(google-explicit-constructor): for a list of all
        : command_(command) {}
    /// Only those that stand among `words`. What else these hold is an error of parsing, after
    /// which all options must be described, to say what is wrong.
    OptionList(CLI::App& command, Words words);

    template <class Value>
    CLI::Option* add_option(std::string const& names, Value& value, std::string const& help) {
        return is_given(names) ? command_.add_option(names, value, help) : not_given_;
    }
    CLI::Option* add_flag(std::string const& names, bool& value, std::string const& help) {
        return is_given(names) ? command_.add_flag(names, value, help) : not_given_;
    }
    CLI::Option* get_option(std::string const& name) {
        return is_given(name) ? command_.get_option(name) : not_found_;
    }

  private:
    /// Places without a name always are.
    [[nodiscard]] bool is_given(std::string_view names) const;

    CLI::App& command_;
    std::optional<Words> words_;
    /// They stand for all others: of two that exclude each other, get_option() has one.
    CLI::Option* not_given_ = nullptr;
    CLI::Option* not_found_ = nullptr;
};

} // namespace twofold::vmm
