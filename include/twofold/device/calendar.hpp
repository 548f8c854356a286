// From seconds to a date, by the Gregorian calendar.
#pragma once

#include <cstdint>

namespace twofold {

struct CalendarTime {
    unsigned second, minute, hour;
    /// 0: Sunday.
    unsigned weekday;
    /// From 1.
    unsigned day, month;
    unsigned year;
};

/// `seconds`: of UTC since 1970, not negative.
constexpr CalendarTime calendar_time(std::int64_t seconds) {
    auto const of_day = static_cast<unsigned>(seconds % 86400);
    auto const days = static_cast<std::uint64_t>(seconds / 86400);
    CalendarTime time{.second = of_day % 60,
                      .minute = of_day / 60 % 60,
                      .hour = of_day / 3600,
                      .weekday = static_cast<unsigned>((days + 4) % 7), // 1970 began on a Thursday
                      .day = 1,
                      .month = 1,
                      .year = 1970};
    auto const leap = [](unsigned year) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    };
    // Whole cycles of 400 years first, so that the loops below are short whatever the time is.
    constexpr std::uint64_t days_of_400_years = 146097;
    time.year += static_cast<unsigned>(days / days_of_400_years * 400);
    auto left = static_cast<unsigned>(days % days_of_400_years);
    for (unsigned length = 365; left >= length; length = leap(time.year) ? 366 : 365) {
        left -= length;
        ++time.year;
    }
    constexpr unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    auto const length_of_month = [&] {
        return lengths[time.month - 1] + (time.month == 2 && leap(time.year) ? 1 : 0);
    };
    for (; left >= length_of_month(); ++time.month)
        left -= length_of_month();
    time.day += left;
    return time;
}

} // namespace twofold
