#include "guest/kit/options.hpp"

#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"

#include <algorithm>
#include <limits>

namespace twofold::guest {

namespace {

constexpr std::uint64_t exit_usage = 2;

std::optional<unsigned> digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

[[noreturn]] void refuse_value(std::string_view option, std::string_view value,
                               std::string_view wanted) {
    print(arguments()[0], ": ", option, " takes ", wanted, ", not '", value, "'\n");
    exit(exit_usage);
}

} // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
    bool const hexadecimal = text.starts_with("0x");
    unsigned const base = hexadecimal ? 16 : 10;
    if (hexadecimal) text.remove_prefix(2);
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (char const c : text) {
        auto const digit = digit_of(c);
        if (!digit || *digit >= base) return std::nullopt;
        if (value > (std::numeric_limits<std::uint64_t>::max() - *digit) / base)
            return std::nullopt;
        value = value * base + *digit;
    }
    return value;
}

std::optional<std::string_view> Options::next() {
    if (left_.empty()) return std::nullopt;
    current_ = left_.front();
    left_ = left_.subspan(1);
    return current_;
}

std::string_view Options::text() {
    if (left_.empty()) refuse_value(current_, "", "a value");
    auto const value = left_.front();
    left_ = left_.subspan(1);
    return value;
}

std::uint64_t Options::number() {
    auto const value = text();
    auto const number = parse_number(value);
    if (!number) refuse_value(current_, value, "a number");
    return *number;
}

std::size_t Options::choice(std::initializer_list<std::string_view> choices) {
    auto const value = text();
    Line wanted;
    for (std::size_t place = 0; place < choices.size(); ++place) {
        auto const& name = choices.begin()[place];
        if (value == name) return place;
        wanted(place == 0 ? "" : " or ");
        wanted(name);
    }
    refuse_value(current_, value, wanted.text());
}

void Option::take(Options& options) const {
    if (number_ != nullptr) *number_ = options.number();
    if (flag_ != nullptr) *flag_ = true;
}

void read_options(Arguments arguments, std::initializer_list<Option> known) {
    for (Options options{arguments}; auto const argument = options.next();) {
        auto const* const found = std::ranges::find(known, *argument, &Option::name);
        if (found == known.end()) options.refuse();
        found->take(options);
    }
}

void Options::refuse() const {
    print(arguments()[0], ": unknown argument '", current_, "'\n");
    exit(exit_usage);
}

} // namespace twofold::guest
