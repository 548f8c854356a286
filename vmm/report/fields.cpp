#include "report/fields.hpp"

#include <fmt/format.h>

#include <charconv>

namespace twofold::vmm {

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::optional<std::uint64_t> parse_hexadecimal(std::string_view text) {
    if (!text.starts_with("0x")) return std::nullopt;
    text.remove_prefix(2);
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

Fields::Fields(Json const& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) throw MalformedRecord{where_ + ": not an object"};
}

void Fields::fail(char const* key, std::string const& what_it_must_be) const {
    throw MalformedRecord{fmt::format("{}.{} {}", where_, key, what_it_must_be)};
}

Fields::Json const& Fields::member(char const* key) const {
    auto const found = object_.find(key);
    if (found == object_.end()) fail(key, "is missing");
    return *found;
}

std::string Fields::text(char const* key) const {
    Json const& value = member(key);
    if (!value.is_string()) fail(key, "must be text");
    return value.get<std::string>();
}

std::uint64_t Fields::number(char const* key) const {
    Json const& value = member(key);
    if (!value.is_number_unsigned()) fail(key, "must be a whole number from 0 to 2^64 - 1");
    return value.get<std::uint64_t>();
}

bool Fields::boolean(char const* key) const {
    Json const& value = member(key);
    if (!value.is_boolean()) fail(key, "must be true or false");
    return value.get<bool>();
}

std::uint64_t Fields::hex(char const* key) const { return hex_of(member(key), key); }

PageSize Fields::page_size(char const* key) const {
    auto const size = PageSize::of_bytes(hex(key));
    if (!size) fail(key, "must be the size of a page");
    return *size;
}

std::optional<std::uint64_t> Fields::optional_number(char const* key) const {
    if (!has(key)) return std::nullopt;
    return number(key);
}

std::optional<std::uint64_t> Fields::optional_hex(char const* key) const {
    if (!has(key)) return std::nullopt;
    return hex(key);
}

std::optional<PageSize> Fields::optional_page_size(char const* key) const {
    if (!has(key)) return std::nullopt;
    return page_size(key);
}

Fields Fields::object(char const* key) const {
    return {member(key), fmt::format("{}.{}", where_, key)};
}

std::vector<Fields> Fields::objects(char const* key) const {
    Json const& array = member(key);
    if (!array.is_array()) fail(key, "must be an array");
    std::vector<Fields> all;
    for (Json const& element : array)
        all.emplace_back(element, fmt::format("{}.{}[{}]", where_, key, all.size()));
    return all;
}

std::uint64_t Fields::hex_of(Json const& value, char const* key) const {
    auto const parsed =
        value.is_string() ? parse_hexadecimal(value.get_ref<std::string const&>()) : std::nullopt;
    if (!parsed) fail(key, "must be a number of at most 64 bits as text \"0x...\"");
    return *parsed;
}

std::vector<std::uint64_t> Fields::hex_array(char const* key) const {
    Json const& array = member(key);
    if (!array.is_array()) fail(key, "must be an array");
    std::vector<std::uint64_t> all;
    for (Json const& element : array)
        all.push_back(hex_of(element, key));
    return all;
}

std::vector<Fields::Run> Fields::runs(char const* key) const {
    Json const& array = member(key);
    if (!array.is_array()) fail(key, "must be an array");
    std::vector<Run> all;
    for (Json const& run : array) {
        bool const right = run.is_array() && run.size() == 4 && run[0].is_number_unsigned() &&
                           run[1].is_number_unsigned();
        if (!right) fail(key, "must be runs [index, count, first, step]");
        all.push_back({run[0].get<std::uint64_t>(), run[1].get<std::uint64_t>(),
                       hex_of(run[2], key), hex_of(run[3], key)});
    }
    return all;
}

std::map<std::string, std::uint64_t> Fields::numbers(char const* key) const {
    Fields const inner = object(key);
    std::map<std::string, std::uint64_t> all;
    for (auto const& [name, value] : inner.object_.items())
        all.emplace(name, inner.number(name.c_str()));
    return all;
}

} // namespace twofold::vmm
