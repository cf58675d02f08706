"""Finding the knobs that made a mix, from the mix and its own tracks. `recovered` is the way in.

A search (`search`; `recovered.Alone` for one track, `together` for several) renders an excerpt (`excerpted`,
`reused`), asks models of it where less is left (`by_response`, `responses`, `equalisers`) and goes there by
least squares (`in_box` where slopes are cheap, `least_squares` and `polished` where they must be rendered).
It begins anew where slopes lead nowhere: effects and buses (`begun`, `ceiling`), levels and bands (`starts`,
`reshaped`). At last it chooses among what sounds the same (`settling`: `handed`, `unusual`, `plainer`).
"""
