// Guests under KVM with fewer frames than pages: what leaves goes to a swap file, and comes back by
// our own handler of faults.
#include "kvm/clone.hpp"
#include "kvm/image_ram.hpp"
#include "kvm/resident_pages.hpp"
#include "kvm/swap_file.hpp"
#include "kvm/userfault.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/guest_run.hpp"
#include "tests/support/without_kvm.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace swap_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

constexpr std::uint64_t page_bytes = 4096;

bool without_kvm_or_userfault() {
    if (without_kvm()) return true;
    auto const userfault = kvm::FaultHandler::open_userfault();
    return skipped_for(userfault ? "" : userfault.error());
}

/// 640 pages, of which 512 can have a frame.
nlohmann::json run_pressed(std::vector<std::string> options) {
    options.insert(options.begin(), {"pressure", "--engine", "kvm", "--memory", "8M", "--lazy-by",
                                     "userfault", "--frames-limit", "2M"});
    options.insert(options.end(), {"--", "--pages", "640", "--words", "8", "--release", "100"});
    return run_guests(options);
}

std::vector<std::byte> page_of(unsigned value) {
    return std::vector<std::byte>(page_bytes, std::byte(value));
}

} // namespace

TEST_CASE("a guest with fewer frames than pages finds all that it wrote") {
    if (without_kvm_or_userfault()) return;
    for (std::string const window : {"1", "64"}) {
        auto const run = run_pressed({"--swap", "8M", "--fault-window", window});
        INFO(window << run.dump());
        CHECK(run["exit_status"] == 0); // it verifies each word, and what it gave back
        auto const& stop = run["guests"][0]["stop"];
        CHECK(stop["frames"]["memory"] <= 512);
        CHECK(stop["reclaim"]["swapped_out"] > 128);
        CHECK(stop["reclaim"]["swapped_in"] > 128);
        CHECK(stop["reclaim"]["released"] == 100);
        CHECK(stop["fault_sources"]["swap"] == stop["reclaim"]["swapped_in"]);
        CHECK(run["memory"]["frames_limit"] == std::uint64_t{2} << 20);
        CHECK(run["memory"]["swap"]["pages"] == 2048);
        CHECK(run["memory"]["swap"]["used_most"] <= 800);
    }
}

TEST_CASE(
    "a clone, and a guest that is put back, has so few frames of its own, and loses nothing") {
    if (without_kvm_or_userfault()) return;
    auto const run_touch = [](std::vector<std::string> options) {
        options.insert(options.begin(), {"touch", "--engine", "kvm", "--memory", "8M", "--lazy-by",
                                         "userfault", "--frames-limit", "2M", "--swap", "8M"});
        options.insert(options.end(), {"--", "--pages", "480"});
        auto run = run_guests(options);
        INFO(run.dump());
        CHECK(run["exit_status"] == 0); // it verifies each page
        std::uint64_t swapped_out = 0;
        for (auto const& guest : run["guests"]) {
            auto const& stop = guest["stop"];
            CHECK(stop["frames"]["memory"] <= 512);
            CHECK(stop["reclaim"]["swapped_in"] > 0);
            swapped_out += stop["reclaim"]["swapped_out"].get<std::uint64_t>();
        }
        CHECK(run["memory"]["swap"]["written"] == swapped_out);
        return run;
    };
    auto const clones = run_touch({"--clones", "1"});
    CHECK(clones["guests"].size() == 2);
    CHECK(clones["memory"]["frames_limit"] == std::uint64_t{4} << 20);
    auto const again = run_touch({"--repeat", "2"});
    CHECK(again["guests"][0]["stop"]["resets"]["resets"] == 1);
}

TEST_CASE("a guest that clones itself takes along what is not in its memory at that moment") {
    if (without_kvm_or_userfault()) return;
    // Pages of its file that it has not come to yet, and in its clones' clones their template's.
    auto const by_kernel = run_guests({"clone", "--engine", "kvm", "--", "--depth", "2"});
    auto const by_us = run_guests({"clone", "--engine", "kvm", "--lazy-by", "userfault",
                                   "--fault-window", "1", "--", "--depth", "2"});
    CHECK(by_us["exit_status"] == 0);
    CHECK(sorted_lines(by_us) == sorted_lines(by_kernel));
    // And what has left for the swap file: the clone verifies all of it.
    auto const swapped = run_guests({"clone", "--engine", "kvm", "--memory", "8M", "--lazy-by",
                                     "userfault", "--frames-limit", "2M", "--swap", "8M", "--",
                                     "--pages", "530", "--number", "1", "--rounds", "0"});
    CHECK(swapped["exit_status"] == 0);
    CHECK(swapped["guests"][0]["stop"]["reclaim"]["swapped_out"] > 0);
}

TEST_CASE("a template of memory with few frames has the pages that are swapped as well") {
    if (without_kvm_or_userfault()) return;
    constexpr unsigned pages = 8;
    auto ram = kvm::GuestRam::zeroed(pages * page_bytes, page_4k);
    kvm::FaultHandler handler{
        *kvm::FaultHandler::open_userfault(),
        ram.bytes(),
        {.limit = kvm::FrameLimit{.frames = 3, .swap_bytes = pages * page_bytes}}};
    for (unsigned page = 1; page < pages; ++page)
        std::memset(ram.bytes().data() + page * page_bytes, static_cast<int>(page), page_bytes);
    auto const elsewhere = handler.pages_elsewhere();
    CHECK(elsewhere == std::vector<std::uint64_t>{1, 2, 3, 4});
    kvm::Template const frozen{ram, {}, nullptr, elsewhere};
    auto const copy = frozen.map();
    for (unsigned page = 0; page < pages; ++page) {
        CAPTURE(page);
        CHECK(
            std::ranges::equal(copy.bytes().subspan(page * page_bytes, page_bytes), page_of(page)));
    }
    handler.start_over();
    CHECK(handler.pages_elsewhere().empty());
    CHECK(std::ranges::equal(ram.bytes().subspan(page_bytes, page_bytes), page_of(0)));
}

TEST_CASE("a guest that needs more than frames and swap hold ends, with the reason") {
    if (without_kvm_or_userfault()) return;
    auto const none = run_pressed({});
    CHECK(none["exit_status"] == 1);
    CHECK(none["guests"][0]["stop"]["reason"] == "out_of_frames");
    CHECK(holds(none["guests"][0]["stop"]["message"].get<std::string>(),
                {"no more frames", "no --swap"}));
    auto const little = run_pressed({"--swap", "64K"});
    CHECK(little["guests"][0]["stop"]["reason"] == "out_of_frames");
    CHECK(holds(little["guests"][0]["stop"]["message"].get<std::string>(),
                {"swap file is full", "larger --swap"}));
}

TEST_CASE("a swap file that there is no room for is an error, and says so") {
    if (without_kvm_or_userfault()) return;
    // What a file may grow to is in units of 512 bytes.
    auto const limited = run_command(
        {{"/bin/sh", "-c",
          "ulimit -f 64; exec \"$0\" run hello --engine kvm --memory 8M --lazy-by userfault "
          "--frames-limit 2M --swap 8M",
          TWOFOLD_COMMAND}});
    CHECK(limited.status == 1);
    CHECK(holds(limited.err, {"File too large"}));
}

TEST_CASE("what cannot be limited under KVM is refused, with what would be right") {
    if (without_kvm()) return;
    auto const refused = [](std::vector<std::string> options) {
        options.insert(options.begin(), {TWOFOLD_COMMAND, "run", "hello", "--engine", "kvm"});
        auto const result = run_command({options});
        CHECK(result.status == 2);
        return result.err;
    };
    std::vector<std::string> const by_us{"--lazy-by", "userfault"};
    auto const with_us = [&](std::vector<std::string> options) {
        options.insert(options.begin(), by_us.begin(), by_us.end());
        return refused(options);
    };
    CHECK(holds(refused({"--frames-limit", "4M"}), {"--lazy-by userfault"}));
    CHECK(holds(with_us({"--swap", "4M"}), {"--swap", "--frames-limit"}));
    CHECK(holds(with_us({"--frames-limit", "1M"}), {"at least 2 MiB"}));
    CHECK(holds(with_us({"--overcommit", "never"}), {"--overcommit", "bochs"}));
    CHECK(holds(with_us({"--host-page", "1g", "--memory", "1G"}), {"pages of 4k", "hugetlbfs"}));
}

TEST_CASE("a kernel's file is copied page by page when it is touched, and the same comes of it") {
    if (without_kvm_or_userfault()) return;
    auto const by_kernel = run_guests({"walk", "--engine", "kvm"});
    auto const by_us =
        run_guests({"walk", "--engine", "kvm", "--lazy-by", "userfault", "--fault-window", "2"});
    CHECK(by_us["console"] == by_kernel["console"]);
    CHECK(by_us["exit_status"] == 0);
    auto const& sources = by_us["guests"][0]["stop"]["fault_sources"];
    CHECK(sources["file"] > 0);
    CHECK(sources["zeros"] > 0);
}

TEST_CASE(
    "a kernel is whole where huge pages come in with parts of it, whoever answers its faults") {
    if (without_kvm_or_userfault()) return;
    for (std::string const guest : {"hello", "clone"}) {
        auto const by_kernel = run_guests({guest, "--engine", "kvm", "--host-page", "2m"});
        auto const by_us =
            run_guests({guest, "--engine", "kvm", "--host-page", "2m", "--lazy-by", "userfault"});
        INFO(guest << by_us.dump());
        CHECK(by_us["exit_status"] == 0);
        CHECK(sorted_lines(by_us) == sorted_lines(by_kernel));
    }
}

TEST_CASE("the swap file gives each page back as it was, and uses places again") {
    kvm::SwapFile swap{3 * page_bytes};
    auto const first = swap.store(page_of(1));
    auto const second = swap.store(page_of(2));
    REQUIRE(first);
    REQUIRE(second);
    std::vector<std::byte> page(page_bytes);
    CHECK(swap.load(*first, page));
    CHECK(page == page_of(1));
    CHECK(swap.store(page_of(3)).has_value());
    CHECK(swap.store(page_of(4)).has_value());
    CHECK(holds(swap.store(page_of(5)).error(), {"full"}));
    CHECK(swap.load(*second, page));
    CHECK(page == page_of(2));
    CHECK(swap.statistics().used_most == 3);
    CHECK(swap.statistics().written == 4);
}

TEST_CASE("pages leave in the order in which they came, zeros without a place in the file") {
    auto ram = kvm::GuestRam::zeroed(8 * page_bytes, page_4k);
    for (std::uint64_t page = 0; page < 4; ++page)
        std::memset(ram.bytes().data() + page * page_bytes, static_cast<int>(page), page_bytes);
    kvm::ResidentPages resident{ram.bytes(), {.frames = 4, .swap_bytes = 8 * page_bytes}};
    CHECK(resident.resident(3));
    CHECK_FALSE(resident.resident(4));
    REQUIRE(resident.make_room(2).has_value());
    using enum kvm::ResidentPages::Contents;
    CHECK(resident.contents(0) == zeros); // it was filled with 0
    CHECK(resident.contents(1) == swapped);
    CHECK(resident.contents(7) == as_at_first);
    CHECK(ram.resident_pages() == 2);
    std::vector<std::byte> page(page_bytes);
    CHECK(resident.load(1, page));
    CHECK(page == page_of(1));
    CHECK(resident.release(2, 2) == 2);
    CHECK(resident.contents(2) == zeros);
    CHECK(ram.resident_pages() == 0);
    CHECK(resident.make_room(4).has_value());
    CHECK(resident.statistics().dropped == 1);
    CHECK(resident.statistics().swapped_out == 1);
}

TEST_CASE("whole pages of a file stay in it, until something is written beside them") {
    auto ram = kvm::GuestRam::zeroed(16 * page_bytes, page_4k);
    std::vector<std::byte> file(5 * page_bytes);
    for (std::size_t i = 0; i < file.size(); ++i)
        file[i] = std::byte(i / 7);
    kvm::ImageRam partly{ram, file};
    REQUIRE(partly.write(Gpa{0x1800}, std::span{file}.first(3 * page_bytes)).has_value());
    REQUIRE(partly.left().size() == 1);
    CHECK(partly.left()[0].gpa == 0x2000);
    CHECK(partly.left()[0].bytes.size() == 2 * page_bytes);
    CHECK(ram.bytes()[0x2000] == std::byte{0});
    std::array const some{std::byte{42}};
    REQUIRE(partly.write(Gpa{0x3ffe}, some).has_value());
    CHECK(partly.left().empty());
    CHECK(ram.bytes()[0x3ffe] == std::byte{42});
    CHECK(std::ranges::equal(ram.bytes().subspan(0x1800, 0x27fe), std::span{file}.first(0x27fe)));
    CHECK_FALSE(partly.write(Gpa{15 * page_bytes}, file).has_value());
}

} // namespace swap_test
