// Typed reading of JSON objects, with errors that name the field.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace twofold::vmm {

/// A record that is not as it must be.
class MalformedRecord : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// "0x..." as it stands in JSON.
std::string hexadecimal(std::uint64_t value);
/// The number in "0x..."; nothing for all other text and for what takes more than 64 bits.
std::optional<std::uint64_t> parse_hexadecimal(std::string_view text);

/// An object's fields. Each getter throws MalformedRecord, naming the field and what it must be.
class Fields {
  public:
    using Json = nlohmann::json;

    /// `where` is the place of the object in its record, such as "walk.references[3]".
    Fields(Json const& object, std::string where);

    [[nodiscard]] std::string text(char const* key) const;
    [[nodiscard]] std::uint64_t number(char const* key) const;
    [[nodiscard]] bool boolean(char const* key) const;
    /// A string "0x...".
    [[nodiscard]] std::uint64_t hex(char const* key) const;
    /// A page size in bytes, as "0x...".
    [[nodiscard]] PageSize page_size(char const* key) const;

    [[nodiscard]] bool has(char const* key) const { return object_.contains(key); }
    [[nodiscard]] std::optional<std::uint64_t> optional_number(char const* key) const;
    [[nodiscard]] std::optional<std::uint64_t> optional_hex(char const* key) const;
    [[nodiscard]] std::optional<PageSize> optional_page_size(char const* key) const;

    [[nodiscard]] Fields object(char const* key) const;
    [[nodiscard]] std::vector<Fields> objects(char const* key) const;
    /// An array of "0x...".
    [[nodiscard]] std::vector<std::uint64_t> hex_array(char const* key) const;
    /// Words that follow each other by equal steps.
    struct Run {
        std::uint64_t index;
        std::uint64_t count;
        std::uint64_t first;
        std::uint64_t step;
    };
    /// An array of [index, count, "0x...", "0x..."].
    [[nodiscard]] std::vector<Run> runs(char const* key) const;
    /// All members of an object of numbers.
    [[nodiscard]] std::map<std::string, std::uint64_t> numbers(char const* key) const;

    [[noreturn]] void fail(char const* key, std::string const& what_it_must_be) const;

  private:
    [[nodiscard]] Json const& member(char const* key) const;
    [[nodiscard]] std::uint64_t hex_of(Json const& value, char const* key) const;

    Json const& object_;
    std::string where_;
};

} // namespace twofold::vmm
