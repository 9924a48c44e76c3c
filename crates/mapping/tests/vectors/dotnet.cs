// The birth certificate of dotnet.json: prints, for each line of standard input, what .NET makes of it. A row of
// dotnet.json is such a line's fields and the result. Fields are separated by tabs and escaped as JSON strings without
// the quotation marks. Compiled with `mcs dotnet.cs` and run with `TZ=UTC mono dotnet.exe` (Mono 6.8, whose regular
// expressions and dates are those of the .NET Framework) on patterns, texts and dates drawn at random; kept were rows
// that have a result, of which this crate refuses no part. Left out are ς, Dž in title case and letters beyond U+FFFF
// in the rows on upper and lower case: Mono's tables for these are its own.
using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

static class Program
{
    static string Unescape(string s)
    {
        var b = new StringBuilder();
        for (int i = 0; i < s.Length; i++)
        {
            if (s[i] != '\\') { b.Append(s[i]); continue; }
            i++;
            switch (s[i])
            {
                case 'n': b.Append('\n'); break;
                case 't': b.Append('\t'); break;
                case 'u': b.Append((char)Convert.ToInt32(s.Substring(i + 1, 4), 16)); i += 4; break;
                default: b.Append(s[i]); break;
            }
        }
        return b.ToString();
    }

    static string Escape(string s)
    {
        var b = new StringBuilder();
        foreach (char c in s)
        {
            if (c == '\\') b.Append("\\\\");
            else if (c < ' ' || c > '~') b.Append("\\u" + ((int)c).ToString("x4"));
            else b.Append(c);
        }
        return b.ToString();
    }

    static string Group(string source, string pattern, string name, string replacement)
    {
        var regex = new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(2));
        if (!regex.GetGroupNames().Contains(name)) throw new ArgumentException("no group");
        var b = new StringBuilder();
        int done = 0;
        foreach (Match m in regex.Matches(source))
        {
            var g = m.Groups[name];
            if (!g.Success || g.Index < done) continue;
            b.Append(source, done, g.Index - done).Append(replacement);
            done = g.Index + g.Length;
        }
        return b.Append(source.Substring(done)).ToString();
    }

    static string Run(string[] f)
    {
        var inv = CultureInfo.InvariantCulture;
        switch (f[0])
        {
            case "replace": return new Regex(f[1], RegexOptions.None, TimeSpan.FromSeconds(2)).Replace(f[2], f[3]);
            case "group": return Group(f[2], f[1], f[3], f[4]);
            case "lower": return f[1].ToLowerInvariant();
            case "upper": return f[1].ToUpperInvariant();
            case "title": return inv.TextInfo.ToTitleCase(f[1].ToLowerInvariant());
            case "format":
                return DateTime.ParseExact(f[1], f[2], inv, DateTimeStyles.RoundtripKind | DateTimeStyles.AllowLeadingWhite | DateTimeStyles.AllowTrailingWhite).ToString(f[3], inv);
            case "date":
                return DateTime.Parse(f[1], inv, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal).ToString("M/d/yyyy h:mm:ss tt", inv);
            default: throw new ArgumentException("what is " + f[0]);
        }
    }

    static void Main()
    {
        System.Threading.Thread.CurrentThread.CurrentCulture = CultureInfo.InvariantCulture;
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        string line;
        while ((line = input.ReadLine()) != null)
        {
            var fields = line.Split('\t').Select(Unescape).ToArray();
            string result;
            try { result = "=" + Escape(Run(fields)); }
            catch (RegexMatchTimeoutException) { result = "!timeout"; }
            catch (Exception e) { result = "!" + e.GetType().Name; }
            output.WriteLine(result);
        }
        output.Flush();
    }
}
