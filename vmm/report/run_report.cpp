#include "report/run_report.hpp"

#include "report/fields.hpp"
#include "report/record_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm {

bool RunReport::add_line(std::string_view line) {
    if (end_) throw MalformedRecord{"a line after the record \"end\""};
    std::visit([this](auto&& record) { add(std::forward<decltype(record)>(record)); },
               parse_record(line));
    return !end_;
}

std::optional<std::uint64_t> RunReport::ticks_to_first_guest() const {
    if (guests_.empty() || !guests_.front().start) return std::nullopt;
    return guests_.front().start->ticks_to_entry;
}

std::optional<std::uint64_t> RunReport::ticks_to_make_first_guest() const {
    auto const all = ticks_to_first_guest();
    if (!all || !boot_) return std::nullopt;
    std::uint64_t before = 0;
    for (auto const& phase : boot_->phases)
        before += phase.ticks;
    return *all - std::min(before, *all);
}

GuestReport& RunReport::running(std::uint64_t guest, char const* kind) {
    if (guests_.empty() || guest + 1 != guests_.size() || guests_.back().stop) {
        throw MalformedRecord{
            fmt::format("{}.guest is {}, and that guest does not run", kind, guest)};
    }
    return guests_.back();
}

void RunReport::add(record::Boot boot) {
    if (boot_) throw MalformedRecord{"a second record \"boot\""};
    boot_ = std::move(boot);
}

void RunReport::add(record::CapabilityMissing missing) { missing_.push_back(std::move(missing)); }

void RunReport::add(record::GuestStart start) {
    if (start.guest != guests_.size()) {
        throw MalformedRecord{fmt::format("guest_start.guest is {}, and {} is the next one",
                                          start.guest, guests_.size())};
    }
    std::string const name = start.name;
    guests_.push_back({name, std::move(start), {}, {}, std::nullopt});
}

void RunReport::add(record::Walk walk) {
    auto& guest = running(walk.guest, "walk");
    guest.walks.push_back(std::move(walk));
}

void RunReport::add(record::Figure figure) {
    auto& guest = running(figure.guest, "figure");
    guest.figures.push_back(std::move(figure));
}

void RunReport::add(record::GuestStop stop) {
    // A guest that can't be loaded stops without having started.
    bool const never_started = stop.guest == guests_.size();
    if (never_started) guests_.push_back({stop.name, std::nullopt, {}, {}, std::nullopt});
    auto& guest = running(stop.guest, "guest_stop");
    guest.stop = std::move(stop);
}

void RunReport::add(record::Error error) { errors_.push_back(std::move(error)); }
void RunReport::add(record::Panic panic) { panic_ = std::move(panic); }
void RunReport::add(record::End end) { end_ = end; }

} // namespace twofold::vmm
